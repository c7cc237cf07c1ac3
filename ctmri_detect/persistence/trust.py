"""Which types a saved model may hold."""

from __future__ import annotations

import importlib
import re
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

from sklearn.base import BaseEstimator

from ctmri_detect._extras import require
from ctmri_detect.exceptions import CtmriDetectWarning, UntrustedModelError

__all__ = ["TRUSTED_TYPES"]

# packages with estimators; a file can't make load import any other
_ESTIMATORS = re.compile(r"ctmri_detect\.(detectors|features|preprocessing|scoring)(\.\w+)*")

# In addition to what skops trusts by itself: primitives, numpy arrays and random states, scipy's
# sparse matrices, scikit-learn's estimators.
TRUSTED_TYPES = frozenset(
    {
        # held by the library's estimators
        "ctmri_detect.augmentation.augmentation.Augmentation",
        "ctmri_detect.networks.training.settings.Training",
        "ctmri_detect.persistence._standins.SavedFrame",
        "ctmri_detect.persistence._standins.SavedNetwork",
        "ctmri_detect.base.fingerprints.Fingerprints",
        "ctmri_detect.detectors.ensemble.patients.EnsembleFingerprints",
        "ctmri_detect.detectors.patch_memory.banks.PatchBank",
        "ctmri_detect.detectors.patch_memory.banks.SliceBank",
        "ctmri_detect.features.conditioning.similar.SimilarSlices",
        "ctmri_detect.networks.classification.NetworkClassifier",
        "ctmri_detect.networks.planes_regression.PlanesRegressor",
        "ctmri_detect.networks.regression.NetworkRegressor",
        "ctmri_detect.synthesis.generic.anomalies.GenericAnomalies",
        "ctmri_detect.scoring.along_z.AlongZ",
        "ctmri_detect.scoring.calibration_patients.CalibrationPatients",
        "ctmri_detect.scoring.correlation.Correlation",
        "ctmri_detect.scoring.healthy_evidence.Healthy",
        "ctmri_detect.scoring.fusion.Rarity",
        "ctmri_detect.scoring.patterns.PatternThresholds",
        "ctmri_detect.scoring.reference.ReferenceBank",
        "ctmri_detect.scoring.summary_bank.SummaryBank",
        "ctmri_detect.scoring.thresholds.Threshold",
        "ctmri_detect.scoring.withheld.Withheld",
        # scorers of a search
        "ctmri_detect.evaluation.scorers.ImageScorer",
        "ctmri_detect.evaluation.scorers.PixelAveragePrecisionScorer",
        "ctmri_detect.metrics.image.decision_f1_max_score",
        "ctmri_detect.metrics.image.decision_average_precision_score",
        "ctmri_detect.metrics.image.decision_roc_auc_score",
        "ctmri_detect.metrics.image.decision_sensitivity_score",
        "sklearn.metrics._classification.accuracy_score",
        "sklearn.metrics._classification.balanced_accuracy_score",
        "sklearn.metrics._classification.f1_score",
        "sklearn.metrics._classification.jaccard_score",
        "sklearn.metrics._classification.matthews_corrcoef",
        "sklearn.metrics._classification.precision_score",
        "sklearn.metrics._classification.recall_score",
        "sklearn.metrics._ranking.average_precision_score",
        "sklearn.metrics._ranking.roc_auc_score",
        "sklearn.metrics._scorer._MultimetricScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        # splitters of a search
        "ctmri_detect.model_selection.splitters.LeaveOnePatientOut",
        "ctmri_detect.model_selection.splitters.NormalOnlyGroupKFold",
        "sklearn.model_selection._split.GroupKFold",
        "sklearn.model_selection._split.GroupShuffleSplit",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.LeaveOneGroupOut",
        "sklearn.model_selection._split.LeaveOneOut",
        "sklearn.model_selection._split.LeavePGroupsOut",
        "sklearn.model_selection._split.LeavePOut",
        "sklearn.model_selection._split.PredefinedSplit",
        "sklearn.model_selection._split.RepeatedKFold",
        "sklearn.model_selection._split.RepeatedStratifiedKFold",
        "sklearn.model_selection._split.ShuffleSplit",
        "sklearn.model_selection._split.StratifiedGroupKFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.model_selection._split.StratifiedShuffleSplit",
        "sklearn.model_selection._split.TimeSeriesSplit",
        "sklearn.model_selection._split._CVIterableWrapper",  # a list of splits, fitted
        # fitted one-class detectors on deep features
        "pyod.models.ecod.ECOD",
        "pyod.models.iforest.IForest",
        "pyod.models.knn.KNN",
        "pyod.models.ocsvm.OCSVM",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
        # plain containers
        "numpy.dtype",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
    }
)
_BROKEN = (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError, RecursionError)


def file_types(data: bytes) -> list[str]:
    """Types in a skops file that skops doesn't trust by itself; nothing is built or imported."""
    skops = require("skops.io", extra="save")
    try:
        return list(skops.get_untrusted_types(data=data))
    except (*_BROKEN, zipfile.BadZipFile) as error:
        raise UntrustedModelError(
            f"The estimator in the file can't be read ({type(error).__name__}: {error}). Don't "
            "use this file, unless you know that it was damaged while copying: then copy it again."
        ) from error


def check_types(data: bytes, trusted: list[str]) -> list[str]:
    """The types of the file, if each is trusted by the library or by the caller."""
    types = file_types(data)
    refused = [name for name in types if name not in trusted and not _is_ours(name)]
    if refused:
        ours = any(name.startswith("ctmri_detect.") for name in refused)
        old = " Types of another version of ctmri_detect are not known here: fit the model again."
        raise UntrustedModelError(
            f"The model holds types that are not trusted: {', '.join(refused)}. If you know each "
            "of them and where the file comes from, name them: "
            f"load(path, trusted={refused!r}). Otherwise don't use it.{old * ours}"
        )
    return types


def type_names(trusted: Sequence[str | type] | None) -> list[str]:
    """The caller's types as full names."""
    if isinstance(trusted, str | bool):
        raise TypeError(f"trusted is {trusted!r}; expected a list of types or of their full names.")
    return [_name(t) for t in trusted or ()]


def warn_of_strangers(types: list[str]) -> None:
    """Warn, while saving, of types that `load` won't trust without `trusted`."""
    strangers = [name for name in types if not _is_ours(name)]
    if strangers:
        warnings.warn(
            f"The model holds types of other packages: {', '.join(strangers)}. To load it, name "
            f"them: load(path, trusted={strangers!r}).",
            CtmriDetectWarning,
            stacklevel=3,
        )


def _name(kind: Any) -> str:
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__name__}"


def _is_ours(name: str) -> bool:
    """Whether it is on the list, or an estimator class of the library with this name."""
    module, _, class_name = name.rpartition(".")
    if name in TRUSTED_TYPES:
        return True
    if not _ESTIMATORS.fullmatch(module):
        return False
    try:
        found = getattr(importlib.import_module(module), class_name, None)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("ctmri_detect"):
            return False
        raise
    own = isinstance(found, type) and issubclass(found, BaseEstimator)
    return own and getattr(found, "__module__", None) == module
