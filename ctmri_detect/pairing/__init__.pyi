from .check import Verdict as Verdict
from .check import check_pairing as check_pairing
from .check import pairing_verdict as pairing_verdict
