from .distribution import ScoreDistributionDisplay as ScoreDistributionDisplay
from .maps import AnomalyMapDisplay as AnomalyMapDisplay
from .overlay import OverlayWriter as OverlayWriter
from .overlay import overlay_png as overlay_png
from .pair import PairDisplay as PairDisplay
from .roc import RocCurvesDisplay as RocCurvesDisplay
