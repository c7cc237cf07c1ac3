from .reading import open_maps as open_maps
from .reading import open_scores as open_scores
from .run import score_to as score_to
