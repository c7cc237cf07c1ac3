from . import augmentation as augmentation
from . import base as base
from . import datasets as datasets
from . import detectors as detectors
from . import evaluation as evaluation
from . import exceptions as exceptions
from . import features as features
from . import imageops as imageops
from . import inspection as inspection
from . import io as io
from . import layouts as layouts
from . import localization as localization
from . import metrics as metrics
from . import model_selection as model_selection
from . import networks as networks
from . import pairing as pairing
from . import pairs as pairs
from . import persistence as persistence
from . import phantom as phantom
from . import pipelines as pipelines
from . import plotting as plotting
from . import preprocessing as preprocessing
from . import recalibration as recalibration
from . import reports as reports
from . import scoring as scoring
from . import scoring_runs as scoring_runs
from . import storage as storage
from . import synthesis as synthesis
from . import testing as testing
from . import validation as validation
from .detectors.atlas import AtlasDetector as AtlasDetector
from .detectors.autoencoder.detector import ConvAutoencoderDetector as ConvAutoencoderDetector
from .detectors.cross_modal.detector import CrossModalDetector as CrossModalDetector
from .detectors.deep_features.detector import DeepFeatureDetector as DeepFeatureDetector
from .detectors.ensemble.detector import EnsembleDetector as EnsembleDetector
from .detectors.patch_memory.detector import PatchMemoryDetector as PatchMemoryDetector
from .detectors.presets import make_detector as make_detector
from .detectors.synthetic.detector import (
    SyntheticAnomalyDetector as SyntheticAnomalyDetector,
)
from .detectors.threshold import ThresholdDetector as ThresholdDetector
from .detectors.volume.detector import VolumeDetector as VolumeDetector
from .localization import anomaly_map as anomaly_map
from .localization import detect as detect
from .localization import explain as explain
from .localization import iter_detect as iter_detect
from .localization import residual_map as residual_map
from .networks.training.settings import Training as Training
from .pairs import Pairs as Pairs
from .preprocessing.pipeline import make_preprocessor as make_preprocessor
from .recalibration import recalibrate as recalibrate
from .scoring import MapScoring as MapScoring
from .scoring_runs.run import score_to as score_to

__version__: str
