from . import kaggle as kaggle
from ._front import check_pairing as check_pairing
from ._front import find_pairs as find_pairs
from ._front import make_phantom_pairs as make_phantom_pairs
from ._front import make_phantom_volumes as make_phantom_volumes
from .folder import load_pairs as load_pairs
from .kaggle.fetch import fetch_kaggle_ct_mri as fetch_kaggle_ct_mri
from .volumes import load_volume_pairs as load_volume_pairs
