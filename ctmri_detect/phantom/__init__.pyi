from .pairs import make_phantom_pairs as make_phantom_pairs
from .volumes import make_phantom_volumes as make_phantom_volumes
