"""A name that users look for here and that another package defines; imported on first use."""

from ctmri_detect.storage.sidecar import open_pairs

__all__ = ["open_pairs"]
