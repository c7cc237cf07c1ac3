"""A name that users look for here, and that another room defines; imported when it is asked for."""

from ctmri_detect.storage.sidecar import open_pairs

__all__ = ["open_pairs"]
