from .check import check_pairing as check_pairing
from .check import pairing_verdict as pairing_verdict
from .modalities import check_modalities as check_modalities
from .modalities import warn_of_exchanged as warn_of_exchanged
from .verdict import Verdict as Verdict
