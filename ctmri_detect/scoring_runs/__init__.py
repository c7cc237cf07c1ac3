"""Scores of many samples in a folder, written block by block; a stopped run goes on."""

from ctmri_detect._extras import lazy_package

__getattr__, __dir__, __all__ = lazy_package(__name__, __file__)
