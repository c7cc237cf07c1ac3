"""Splits by patient that train on normal samples."""

from ctmri_detect.model_selection.decisions import cross_val_decisions
from ctmri_detect.model_selection.leak import check_no_leak
from ctmri_detect.model_selection.parts import train_validation_test_split
from ctmri_detect.model_selection.splitters import LeaveOnePatientOut, NormalOnlyGroupKFold

__all__ = [
    "LeaveOnePatientOut",
    "NormalOnlyGroupKFold",
    "check_no_leak",
    "cross_val_decisions",
    "train_validation_test_split",
]
