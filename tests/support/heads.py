"""Small head-like pairs for the tests: those of the library's own checks."""

from ctmri_detect.testing import make_heads, plant

__all__ = ["make_heads", "plant"]
