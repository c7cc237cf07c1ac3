"""Is this CT the partner of this MRI, and how far is it off?"""

from ctmri_detect._extras import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        "Verdict": "ctmri_detect.pairing.check",
        "check_pairing": "ctmri_detect.pairing.check",
        "pairing_verdict": "ctmri_detect.pairing.check",
    },
)
