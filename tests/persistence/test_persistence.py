"""Laws of save and load: what comes back is what was saved; a file can't run code."""

from __future__ import annotations

import importlib
import io
import json
import pickle
import sys
import tracemalloc
import warnings
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.model_selection as ms
import skops.io
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, check_cv
from sklearn.pipeline import make_pipeline

import ctmri_detect
from ctmri_detect import AtlasDetector, MapScoring, ThresholdDetector
from ctmri_detect.exceptions import CtmriDetectWarning, ModelVersionWarning, UntrustedModelError
from ctmri_detect.localization import anomaly_map
from ctmri_detect.metrics import (
    decision_average_precision_score,
    decision_f1_max_score,
    decision_sensitivity_score,
)
from ctmri_detect.model_selection import LeaveOnePatientOut, NormalOnlyGroupKFold
from ctmri_detect.networks.autoencoder import PairAutoencoder
from ctmri_detect.networks.pixel import PixelNetwork
from ctmri_detect.networks.portable import PortableNetwork
from ctmri_detect.persistence import load, save
from ctmri_detect.persistence.trust import TRUSTED_TYPES
from ctmri_detect.preprocessing import MRIScaler
from ctmri_detect.testing import make_heads

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 2, 16, 16)).astype("float32")
X[0, 0, :2] = np.nan
Y = np.where(np.isin(np.arange(16), [3, 5, 9, 15]), -1, 1)
X[Y == -1, 1, 4:7, 4:7] += 6
PATIENTS = np.repeat(np.arange(8), 2)


class Regressor(BaseEstimator):
    """Holds a network one level down, as a detector's parts do."""

    def __init__(self, width=4):
        self.width = width

    def fit(self):
        self.network_ = PixelNetwork(3, self.width).eval()
        self.history_ = pd.DataFrame({"epoch": [1, 2], "train_loss": [0.5, 0.25]})
        return self


class Holder(PortableNetwork, BaseEstimator):
    """Networks in a list, in a dict, and one of them twice."""

    def fit(self, X=None):
        self.device_ = "cpu"
        self.parts_ = [Regressor().fit(), {"second": Regressor(5).fit()}]
        self.network_ = self.parts_[0].network_
        self.rng_ = np.random.RandomState(3)
        self.torch_device_ = torch.device("cpu")
        return self

    def outputs(self):
        x = torch.linspace(-1, 1, 12).reshape(4, 3)
        first, second = self.parts_[0].network_, self.parts_[1]["second"].network_
        with torch.no_grad():
            return [np.stack([t.numpy() for t in net(x)]) for net in (first, second)]


class Doubler(TransformerMixin, BaseEstimator):
    """A user's own step."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return 2 * X


HOLDERS = [Holder, Regressor]


def models():
    search = GridSearchCV(
        make_pipeline(MRIScaler(), AtlasDetector()),
        {"atlasdetector__map_scoring__pool_fraction": [0.01, 0.1]},
        scoring="roc_auc",
        cv=NormalOnlyGroupKFold(2),
    )
    return {
        "atlas": AtlasDetector().fit(X, groups=PATIENTS),
        "threshold": ThresholdDetector().fit(X),
        "parameters": AtlasDetector(map_scoring=MapScoring(reference=None, clip=float("inf"))).fit(
            X
        ),
        "pipeline": make_pipeline(MRIScaler(), AtlasDetector()).fit(X),
        "search": search.fit(X, Y, groups=PATIENTS),
    }


@pytest.fixture(scope="module")
def fitted():
    return models()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.ctmri"


@pytest.fixture
def atlas(path):
    """A saved model."""
    save(AtlasDetector().fit(X), path)
    return path


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)


def with_manifest(path, **changes):
    contents = members(path)
    manifest = json.loads(contents["manifest.json"]) | changes
    rewrite(path, contents | {"manifest.json": json.dumps(manifest)})


def with_state(path, state):
    """The estimator replaced by a hand-made skops state."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", json.dumps(state | {"protocol": 2}))
    rewrite(path, members(path) | {"estimator.skops": buffer.getvalue()})


def text(value):
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode",
            "content": json.dumps(value)}  # fmt: skip


def call(module, name, *arguments):
    """The state of ``module.name(*arguments)``."""
    parts = [text(a) for a in arguments]
    args = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode",
            "content": parts}  # fmt: skip
    return {"__class__": name, "__module__": module, "__loader__": "ConstructorFromReduceNode",
            "content": args}  # fmt: skip


@pytest.mark.parametrize("name", ["atlas", "threshold", "parameters", "pipeline", "search"])
def test_a_loaded_model_equals_the_saved_one(name, fitted, path):
    model = fitted[name]
    before = pickle.dumps(model)
    save(model, path)
    assert pickle.dumps(model) == before  # saving changes nothing
    again = load(path)
    np.testing.assert_array_equal(anomaly_map(again, X), anomaly_map(model, X))
    np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert type(again) is type(model)
    assert repr(again.get_params()) == repr(model.get_params())


def test_a_frozen_model_travels(fitted, path):
    frozen = make_pipeline(FrozenEstimator(MRIScaler().fit(X)), FrozenEstimator(fitted["atlas"]))
    save(frozen, path)
    again = load(path).fit(2 * X)
    np.testing.assert_array_equal(anomaly_map(again, X), anomaly_map(frozen, X))


@pytest.mark.parametrize("reference", ["similar", "position", None])
def test_what_the_bank_can_make_again_is_not_saved(reference, path):
    heads = make_heads(40, size=64)
    detector = AtlasDetector(map_scoring=MapScoring(reference=reference)).fit(
        heads, groups=np.arange(40) // 2
    )
    save(detector, path)
    scoring, bank = detector.map_scoring_, detector.map_scoring_.bank_
    slices = scoring.residual_.nbytes + sum(one.residual.nbytes for one in scoring.withheld_)
    assert path.stat().st_size < slices < slices + bank.values_.nbytes
    loaded, new = load(path), make_heads(9, size=64, seed=1)
    np.testing.assert_array_equal(loaded.score_samples(new), detector.score_samples(new))
    np.testing.assert_array_equal(loaded.z_maps(new), detector.z_maps(new))
    changes = {"n_neighbors": 10, "smoothing": 1.0}
    np.testing.assert_array_equal(
        loaded.rescore(**changes).score_samples(new), detector.rescore(**changes).score_samples(new)
    )


def test_a_loaded_model_can_be_rescored_and_fitted_again(fitted, path):
    save(fitted["atlas"], path)
    again, fresh = load(path), AtlasDetector().fit(X, groups=PATIENTS)
    np.testing.assert_array_equal(
        again.rescore(pool_fraction=0.2).score_samples(X),
        fresh.rescore(pool_fraction=0.2).score_samples(X),
    )
    assert again.fit(X, groups=PATIENTS).offset_ == fitted["atlas"].offset_


@pytest.mark.parametrize(
    "metric", [decision_average_precision_score, decision_f1_max_score, decision_sensitivity_score]
)
def test_a_search_with_the_librarys_own_scorer_travels(path, metric):
    scorer = make_scorer(metric, response_method="decision_function")
    search = GridSearchCV(
        AtlasDetector(map_scoring=MapScoring(false_positive_rate=0.3)),
        {"map_scoring__clip": [3.0, 6.0]},
        scoring=scorer,
        cv=NormalOnlyGroupKFold(2),
    ).fit(X, Y, groups=PATIENTS)
    save(search, path)
    again = load(path)
    assert again.score(X, Y) == search.score(X, Y)
    assert again.best_params_ == search.best_params_


SPLITTERS = [
    2,
    [(np.arange(8), np.arange(8, 16)), (np.arange(8, 16), np.arange(8))],
    LeaveOnePatientOut(),
    ms.GroupKFold(2),
    ms.GroupShuffleSplit(2, random_state=0),
    ms.KFold(2),
    ms.LeaveOneGroupOut(),
    ms.LeaveOneOut(),
    ms.LeavePGroupsOut(2),
    ms.LeavePOut(2),
    ms.PredefinedSplit(PATIENTS % 2),
    ms.RepeatedKFold(n_splits=2, n_repeats=1, random_state=0),
    ms.RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=0),
    ms.ShuffleSplit(2, random_state=0),
    ms.StratifiedGroupKFold(2),
    ms.StratifiedKFold(2),
    ms.StratifiedShuffleSplit(2, random_state=0),
    ms.TimeSeriesSplit(2),
]


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored")
@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: type(cv).__name__)
def test_a_search_travels_with_any_splitter_before_and_after_its_fit(cv, path):
    search = GridSearchCV(ThresholdDetector(), {"map_scoring__clip": [3.0]}, scoring="f1", cv=cv)
    save(search, path)
    again = load(path)
    splits = check_cv(again.cv).split(X, Y, PATIENTS)
    for ours, theirs in zip(check_cv(cv).split(X, Y, PATIENTS), splits, strict=True):
        np.testing.assert_array_equal(np.concatenate(ours), np.concatenate(theirs))
    if check_cv(cv).get_n_splits(X, Y, PATIENTS) > 2:
        return  # the way through a fit is the same for all
    again.fit(X, Y, groups=PATIENTS)
    save(again, path)
    np.testing.assert_array_equal(load(path).score_samples(X), again.score_samples(X))


def test_networks_come_back_wherever_they_hide(path):
    holder = Holder().fit()
    before, network = joblib.hash(holder.outputs()), holder.network_
    with pytest.warns(CtmriDetectWarning, match="Holder"):
        save(holder, path)
    assert holder.network_ is network
    assert holder.parts_[0].network_ is network
    assert sorted(members(path)) == [
        "estimator.skops", "manifest.json", "weights-0.safetensors", "weights-1.safetensors"
    ]  # fmt: skip
    state = torch.random.get_rng_state()
    again = load(path, trusted=HOLDERS)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert joblib.hash(again.outputs()) == before
    assert again.network_ is again.parts_[0].network_
    assert not again.network_.training
    assert next(again.network_.parameters()).requires_grad
    assert again.torch_device_ == "cpu"
    pd.testing.assert_frame_equal(again.parts_[0].history_, holder.parts_[0].history_)
    assert again.rng_.randint(1000) == np.random.RandomState(3).randint(1000)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_model_fitted_on_cuda_loads_on_a_cpu(path):
    holder = Holder().fit()
    holder.device_ = "cuda"
    with pytest.warns(CtmriDetectWarning):
        save(holder, path)
    manifest = json.loads(members(path)["manifest.json"])
    for entry in manifest["networks"].values():
        entry["device"] = "cuda:0"
    with_manifest(path, networks=manifest["networks"])
    again = load(path, trusted=HOLDERS)
    assert again.device_ == "cpu"
    assert next(again.network_.parameters()).device.type == "cpu"
    assert joblib.hash(again.outputs()) == joblib.hash(holder.outputs())


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_precision_and_layout_of_the_weights_are_kept(layout, path):
    holder = Regressor().fit()
    network = PairAutoencoder((16, 16), 2, (4, 8)).to(torch.bfloat16)
    holder.network_ = network.to(memory_format=layout).eval()
    with pytest.warns(CtmriDetectWarning):
        save(holder, path)
    again = load(path, trusted=HOLDERS).network_.state_dict()
    for name, tensor in network.state_dict().items():
        assert again[name].dtype == tensor.dtype
        assert again[name].stride() == tensor.stride()
        assert torch.equal(again[name], tensor)


def test_a_foreign_network_is_refused_when_saving(path):
    holder = Regressor().fit()
    holder.network_ = torch.nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"network_ is a torch\..*Linear.*ctmri_detect.networks"):
        save(holder, path)
    holder.network_ = PixelNetwork(2)
    holder.network_.config = {"features": 2}
    with pytest.raises(TypeError, match="can't be built again from its config"):
        save(holder, path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("name", ["iforest.IForest", "ocsvm.OCSVM", "knn.KNN", "ecod.ECOD"])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_fitted_pyod_detectors_travel(name, path):
    module, kind = name.split(".")
    pyod = pytest.importorskip(f"pyod.models.{module}")
    rows = RNG.normal(size=(60, 4))
    options = {"random_state": np.random.RandomState(0)} if kind == "IForest" else {}
    atlas = AtlasDetector().fit(X)
    atlas.inner_ = getattr(pyod, kind)(**options).fit(rows)
    save(atlas, path)
    inner = load(path).inner_
    np.testing.assert_array_equal(
        inner.decision_function(rows), atlas.inner_.decision_function(rows)
    )


def test_a_step_of_ones_own_needs_to_be_named(path):
    model = make_pipeline(Doubler(), AtlasDetector()).fit(X)
    with pytest.warns(CtmriDetectWarning, match="Doubler"):
        save(model, path)
    with pytest.raises(UntrustedModelError, match=r"not trusted: \S*Doubler\. .*trusted="):
        load(path)
    name = f"{Doubler.__module__}.Doubler"
    for trusted in ([Doubler], [name]):
        again = load(path, trusted=trusted)
        np.testing.assert_array_equal(again.score_samples(X), model.score_samples(X))
    for wrong in (True, name):
        with pytest.raises(TypeError, match="expected a list"):
            load(path, trusted=wrong)


def test_what_cannot_be_saved_says_so(path, tmp_path):
    with pytest.raises(NotFittedError):
        save(AtlasDetector(), path)
    with pytest.raises(TypeError, match="expected a fitted detector"):
        save({"a": 1}, path)
    model = AtlasDetector().fit(X)
    with pytest.raises(IsADirectoryError, match="is a folder"):
        save(model, tmp_path)
    with pytest.raises(FileNotFoundError, match="doesn't exist"):
        save(model, tmp_path / "no" / "model.ctmri")
    model.function_ = (value for value in ())
    with pytest.raises(TypeError, match="can't be saved"):
        save(model, path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_save_leaves_the_older_file(atlas, monkeypatch):
    before = atlas.read_bytes()
    monkeypatch.setattr("os.replace", _raise)
    with pytest.raises(KeyboardInterrupt):
        save(ThresholdDetector().fit(X), atlas)
    assert atlas.read_bytes() == before
    assert list(atlas.parent.iterdir()) == [atlas]


def _raise(*_):
    raise KeyboardInterrupt


def test_a_full_disk_is_told_with_the_name_that_was_asked_for(atlas):
    resource = pytest.importorskip("resource")
    before = atlas.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(OSError, match=r"can't be written: .*model\.ctmri'$") as error:
            save(ThresholdDetector().fit(X), atlas)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "tmp" not in str(error.value).replace(str(atlas), "")
    assert atlas.read_bytes() == before
    assert list(atlas.parent.iterdir()) == [atlas]


def test_saving_replaces_an_older_file(atlas):
    save(ThresholdDetector().fit(X), atlas)
    assert isinstance(load(atlas), ThresholdDetector)


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("dump", [
    lambda bomb, path: path.write_bytes(pickle.dumps(bomb)),
    joblib.dump,
    lambda bomb, path: joblib.dump(bomb, path, compress=("gzip", 3)),
])  # fmt: skip
def test_a_pickle_is_never_loaded(dump, path, tmp_path):
    dump(Bomb(tmp_path / "marker"), path)
    with pytest.raises(UntrustedModelError, match="pickle"):
        load(path)
    assert not (tmp_path / "marker").exists()


def test_a_zip_of_torch_is_never_unpickled(path, tmp_path):
    torch.save(Bomb(tmp_path / "marker"), path)
    with pytest.raises(ValueError, match=r"without manifest\.json"):
        load(path)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "open"),
        ("builtins", "eval"),
        ("os", "system"),
        ("ctmri_detect.persistence", "load"),  # the library's functions are no estimators
        ("ctmri_detect._extras", "require"),
        ("ctmri_detect.cli", "main"),
        ("ctmri_detect.detectors.atlas", "np"),  # nor what its modules import
        ("ctmri_detect.detectors.atlas", "MapScoring"),
        ("ctmri_detect.detectors.nothing", "Detector"),
        ("ctmri_detect.detectors.", "Detector"),
        ("ctmri_detect.preprocessing.pipeline", "make_preprocessor"),
        ("sklearn.base", "clone"),
        ("joblib.memory", "Memory"),
        ("functools", "partial"),
    ],
)
def test_no_type_outside_the_list_is_loaded(module, name, atlas, tmp_path):
    marker = tmp_path / "marker"
    for loader in ("ConstructorFromReduceNode", "FunctionNode", "TypeNode", "ObjectNode"):
        state = call(module, name, str(marker), "w") | {"__loader__": loader}
        with_state(atlas, state)
        with pytest.raises(UntrustedModelError, match="not trusted") as error:
            load(atlas)
        assert f"{module}.{name}" in str(error.value)
        assert ("fit the model again" in str(error.value)) == module.startswith("ctmri_detect")
        assert not marker.exists()


@pytest.mark.parametrize("name", sorted(TRUSTED_TYPES))
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_name_on_the_list_exists(name):
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    assert found.__name__ == attribute
    assert found.__module__ in (module, "numpy")


def test_a_function_inside_an_estimator_is_refused(path):
    model = AtlasDetector().fit(X)
    model.mean_ = eval
    with pytest.warns(CtmriDetectWarning, match="builtins.eval"):
        save(model, path)
    with pytest.raises(UntrustedModelError, match=r"not trusted: builtins\.eval"):
        load(path)


@pytest.mark.parametrize(
    "name",
    [
        "subprocess.Popen",
        "torch.nn.Linear",
        "ctmri_detect.networks.training.settings.Training",
        "ctmri_detect.networks.pixel.nn",
        "ctmri_detect.networks.nothing.Network",
    ],
)
def test_only_the_librarys_networks_are_built(name, path):
    with pytest.warns(CtmriDetectWarning):
        save(Regressor().fit(), path)
    (entry,) = json.loads(members(path)["manifest.json"])["networks"].values()
    with_manifest(path, networks={"weights-0.safetensors": entry | {"class": name, "config": {}}})
    with pytest.raises(UntrustedModelError, match=r"expected a class of ctmri_detect\.networks"):
        load(path, trusted=HOLDERS)


@pytest.mark.parametrize(
    "member", ["../../evil.py", "/tmp/evil", "weights-0.pkl", "a/weights-0.safetensors", "C:\\x"]
)
def test_unexpected_members_are_refused(member, atlas):
    rewrite(atlas, members(atlas) | {member: b"x"})
    with pytest.raises(UntrustedModelError, match="which no saved model does"):
        load(atlas)


def test_a_model_zipped_again_with_compression_is_the_same_model(atlas):
    expected = load(atlas).score_samples(X)
    rewrite(atlas, members(atlas), zipfile.ZIP_DEFLATED)
    np.testing.assert_array_equal(load(atlas).score_samples(X), expected)
    rewrite(atlas, members(atlas), zipfile.ZIP_LZMA)
    with pytest.raises(ValueError, match="stored or deflated") as error:
        load(atlas)
    assert not isinstance(error.value, UntrustedModelError)  # unreadable is not dangerous


def _with_zeros(data):
    """The archive with 300 MiB of zeros in it, which deflate to 0.3."""
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(300 * 2**20))
    return buffer.getvalue()


@pytest.mark.parametrize("where", ["weights-0.safetensors", "manifest.json", "estimator.skops"])
def test_a_zip_bomb_is_refused_before_it_is_unpacked(where, atlas):
    contents = members(atlas)
    if where == "estimator.skops":
        contents[where] = _with_zeros(contents[where])
        rewrite(atlas, contents)
    else:
        rewrite(atlas, contents | {where: bytes(300 * 2**20)}, zipfile.ZIP_DEFLATED)
    assert atlas.stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(UntrustedModelError, match="unpacks to 3"):
        load(atlas)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 * 2**20


def test_doubled_members_are_refused(atlas):
    contents = members(atlas)
    with zipfile.ZipFile(atlas, "w") as archive:
        for name, data in [*contents.items(), ("estimator.skops", b"x")]:
            with pytest.warns(UserWarning, match="Duplicate") if data == b"x" else _nothing():
                archive.writestr(name, data)
    with pytest.raises(UntrustedModelError):
        load(atlas)


class _nothing:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_a_truncated_file_is_named_so(atlas):
    data = atlas.read_bytes()
    for share in (0.001, 0.3, 0.9, 0.999):
        atlas.write_bytes(data[: int(share * len(data))])
        with pytest.raises(ValueError, match="cut off"):
            load(atlas)


@pytest.mark.parametrize("where", [0.3, 0.6])
def test_a_damaged_file_is_noticed(where, atlas):
    data = bytearray(atlas.read_bytes())
    data[int(where * len(data))] ^= 255
    atlas.write_bytes(data)
    with pytest.raises(ValueError, match="damaged"):
        load(atlas)


@pytest.mark.parametrize("data", [b"", b"text\n", b"\x00" * 100, b'{"a": 1}'])
def test_another_file_is_no_model(data, path):
    path.write_bytes(data)
    with pytest.raises(ValueError, match="no model"):
        load(path)


def test_another_programs_zip_is_no_model(path, atlas):
    with zipfile.ZipFile(path.with_suffix(".zip"), "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ValueError, match=r"without manifest\.json"):
        load(path.with_suffix(".zip"))
    with_manifest(atlas, format="other")
    with pytest.raises(ValueError, match="another program"):
        load(atlas)


@pytest.mark.parametrize("changes", [{"format_version": "1"}, {"versions": None}, {"networks": []}])
def test_an_odd_manifest_is_refused(changes, atlas):
    with_manifest(atlas, **changes)
    with pytest.raises(ValueError, match="incomplete manifest"):
        load(atlas)


def test_a_missing_member_is_named(atlas):
    with_manifest(atlas, networks={"weights-0.safetensors": {}})
    with pytest.raises(ValueError, match="incomplete"):
        load(atlas)


@pytest.mark.parametrize("schema", [b"[]", b"{}", b"{", b'{"protocol": 99}'])
def test_an_unreadable_estimator_is_refused(schema, atlas):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("schema.json", schema)
    for data in (buffer.getvalue(), b"x"):
        rewrite(atlas, members(atlas) | {"estimator.skops": data})
        with pytest.raises(UntrustedModelError, match="can't be read"):
            load(atlas)


def test_something_else_than_an_estimator_is_refused(atlas):
    rewrite(atlas, members(atlas) | {"estimator.skops": skops.io.dumps([1, 2])})
    with pytest.raises(UntrustedModelError, match="expected an estimator"):
        load(atlas)


def test_other_versions_are_told_once_with_both_numbers(path):
    save(make_pipeline(MRIScaler(), AtlasDetector()).fit(X), path)
    contents = members(path)
    manifest = json.loads(contents["manifest.json"])
    here = manifest["versions"]["scikit-learn"]
    old = {"scikit-learn": "1.0.0", "ctmri_detect": "0.0.1", "torch": "1.0", "pyod": "0.1"}
    manifest["versions"] |= old
    inside = contents["estimator.skops"].replace(here.encode(), b"0" * len(here))
    assert inside != contents["estimator.skops"]  # scikit-learn writes it into its estimators
    rewrite(path, {"manifest.json": json.dumps(manifest), "estimator.skops": _repaired(inside)})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(path)
    assert [warning.category for warning in caught] == [ModelVersionWarning]
    assert caught[0].filename == __file__
    said = str(caught[0].message)
    assert f"ctmri_detect 0.0.1 (here {ctmri_detect.__version__})" in said
    assert f"scikit-learn 1.0.0 (here {here})" in said
    assert "torch" not in said  # it holds no network, and nothing of PyOD
    assert "pyod" not in said


def _repaired(data):
    """The archive with the checksums of what it holds now."""
    buffer, again = io.BytesIO(data), io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(again, "w") as new:
        for info in old.infolist():
            start = info.header_offset + 30 + len(info.filename)
            new.writestr(info.filename, data[start : start + info.file_size])
    return again.getvalue()


@pytest.mark.parametrize("package", ["torch", "pyod"])
def test_versions_matter_of_packages_whose_objects_are_inside(package, path):
    atlas = AtlasDetector().fit(X)
    if package == "torch":
        atlas.network_ = PixelNetwork(3, 4).eval()
    else:
        pyod = pytest.importorskip("pyod.models.ecod")
        atlas.inner_ = pyod.ECOD().fit(RNG.normal(size=(30, 3)))
    save(atlas, path)
    load(path)
    versions = json.loads(members(path)["manifest.json"])["versions"]
    here = versions[package].split("+")[0]
    with_manifest(path, versions=versions | {package: "0.1"})
    with pytest.warns(ModelVersionWarning, match=rf"{package} 0\.1 \(here {here}"):
        load(path)


def test_a_missing_file_is_an_os_error(path):
    with pytest.raises(FileNotFoundError):
        load(path)


def test_a_module_that_is_not_there_is_named(tmp_path, monkeypatch):
    (tmp_path / "mine_elsewhere.py").write_text(
        "from ctmri_detect.base import BasePairedTransformer\n"
        "class Halved(BasePairedTransformer):\n"
        "    def _transform(self, X):\n"
        "        return X / 2\n"
    )
    with monkeypatch.context() as here:
        here.syspath_prepend(tmp_path)
        step = importlib.import_module("mine_elsewhere").Halved()
        with pytest.warns(CtmriDetectWarning, match="types of other packages"):
            save(step, tmp_path / "model.ctmri")
    monkeypatch.delitem(sys.modules, "mine_elsewhere")
    with pytest.raises(ImportError, match=r"the module 'mine_elsewhere', .*on PYTHONPATH"):
        load(tmp_path / "model.ctmri", trusted=["mine_elsewhere.Halved"])


def test_a_model_that_is_nearly_all_zeros_can_be_loaded(tmp_path, monkeypatch):
    usual = AtlasDetector().fit(make_heads(24), groups=range(24))
    save(usual, tmp_path / "usual.ctmri")
    with zipfile.ZipFile(tmp_path / "usual.ctmri") as archive:
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}
    monkeypatch.setattr("ctmri_detect.persistence._archive._SMALL", 2**16)
    monkeypatch.setattr("ctmri_detect.persistence._archive._MOST_TIMES", 4)
    X = np.repeat(make_heads(1), 300, axis=0)  # equal slices leave no residual
    detector = AtlasDetector().fit(X, groups=range(300))
    save(detector, tmp_path / "zeros.ctmri")
    again = load(tmp_path / "zeros.ctmri")
    np.testing.assert_array_equal(again.score_samples(X[:3]), detector.score_samples(X[:3]))
