"""Models that another version of the library saved.

The files in ``models_0_1`` were written by `save` in format version 1, with networks (cross-modal),
without (threshold), and as a Pipeline with `make_preprocessor`; they are zipped again to be
small. So is the file in ``models_5``, of format version 5.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ctmri_detect import ThresholdDetector
from ctmri_detect.exceptions import ModelVersionWarning, UntrustedModelError
from ctmri_detect.persistence import load, save
from ctmri_detect.testing import make_heads

EARLIER = sorted((Path(__file__).parent / "models_0_1").glob("*.ctmri"))


def with_format_version(path, number):
    """The file at `path`, its manifest changed; gives the format version it had."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(contents["manifest.json"])
    before = manifest["format_version"]
    contents["manifest.json"] = json.dumps(manifest | {"format_version": number})
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return before


@pytest.fixture
def path(tmp_path):
    X = np.random.default_rng(0).normal(size=(8, 2, 8, 8))
    save(ThresholdDetector().fit(X, groups=range(8)), tmp_path / "model.ctmri")
    return tmp_path / "model.ctmri"


def test_there_are_earlier_models():
    assert [path.stem for path in EARLIER] == ["cross-modal", "pipeline", "threshold"]


@pytest.mark.parametrize("earlier", EARLIER, ids=lambda path: path.stem)
def test_a_model_of_an_earlier_version_asks_for_a_new_fit(earlier):
    with pytest.raises(ValueError, match=r"an earlier version of ctmri_detect") as error:
        load(earlier)
    assert not isinstance(error.value, UntrustedModelError)  # old is not dangerous
    said = str(error.value)
    assert str(earlier) in said
    assert "in format version 1" in said
    assert "Fit the model again and save it" in said


def test_a_model_of_format_5_gives_the_scores_it_gave_then():
    """It was fitted on ``make_heads(20, size=16)``, and saved with its whole bank."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ModelVersionWarning)
        detector = load(Path(__file__).parent / "models_5" / "atlas.ctmri")
    scores = detector.score_samples(make_heads(3, size=16, seed=1))
    then = [-4.893527030944824, -15.323968887329102, -11.243029594421387]
    np.testing.assert_allclose(scores, then, rtol=1e-5)


def test_trust_in_its_types_does_not_open_an_earlier_model():
    with zipfile.ZipFile(EARLIER[0]) as archive:
        types = json.loads(archive.read("manifest.json"))["types"]
    with pytest.raises(ValueError, match="Fit the model again"):
        load(EARLIER[0], trusted=types)


def test_a_model_of_a_later_version_asks_for_an_upgrade(path):
    number = with_format_version(path, 999)
    with pytest.raises(ValueError, match=r"a later version .* 999;.* pip install --upgrade") as e:
        load(path)
    assert f"reads format version {number}." in str(e.value)
    with_format_version(path, number)
    assert isinstance(load(path), ThresholdDetector)
