"""Global generators of numpy, Python and torch, seeded for a while and then put back."""

from ctmri_detect._random import isolated_generators

__all__ = ["isolated_generators"]
