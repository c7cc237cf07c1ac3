"""Names that users look for here, and that other rooms define; imported when one is asked for."""

from ctmri_detect.io.volumes.pseudonym import pseudonym
from ctmri_detect.layouts import find_pairs
from ctmri_detect.pairing import check_pairing
from ctmri_detect.phantom import make_phantom_pairs, make_phantom_volumes

__all__ = [
    "check_pairing",
    "find_pairs",
    "make_phantom_pairs",
    "make_phantom_volumes",
    "pseudonym",
]
