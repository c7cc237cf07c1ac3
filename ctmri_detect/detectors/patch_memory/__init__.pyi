from .coreset import Reservoir as Reservoir
from .coreset import greedy_coreset as greedy_coreset
from .detector import PatchMemoryDetector as PatchMemoryDetector
