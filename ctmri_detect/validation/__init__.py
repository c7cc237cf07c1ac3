"""The only definition of a valid input: pairs, labels, masks, groups."""

from ctmri_detect.validation.form import (
    CT,
    MODALITIES,
    MOST_PLANES,
    MRI,
    check_pairs,
    listed,
    missing_planes,
    planes_of,
)
from ctmri_detect.validation.groups import check_groups, groups_of
from ctmri_detect.validation.labels import (
    check_decision,
    check_masks,
    check_target,
    coding_of,
    is_target,
)
from ctmri_detect.validation.left_out import INPUT_ROW, check_left_out, were_left_out
from ctmri_detect.validation.reader import PairReader

__all__ = [
    "CT",
    "INPUT_ROW",
    "MODALITIES",
    "MOST_PLANES",
    "MRI",
    "PairReader",
    "check_decision",
    "check_groups",
    "check_left_out",
    "check_masks",
    "check_pairs",
    "check_target",
    "coding_of",
    "groups_of",
    "is_target",
    "listed",
    "missing_planes",
    "planes_of",
    "were_left_out",
]
