"""The one list of detectors: a new detector is covered by every common check with one line here."""

from __future__ import annotations

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    DeepFeatureDetector,
    EnsembleDetector,
    MapScoring,
    PatchMemoryDetector,
    SyntheticAnomalyDetector,
    ThresholdDetector,
)
from ctmri_detect.features import FeatureConditioning, FilterBankFeatures
from ctmri_detect.networks.training.settings import Training

BRIEF = Training(max_epochs=2, batch_size=16, lr=2e-3)
SMALL = {"patches_per_slice": 16, "n_components": 8, "random_state": 0}
CONDITIONING = FeatureConditioning(
    n_cells=2000, training=Training(max_epochs=1, batch_size=500, lr=3e-3)
)

DETECTORS = {
    "threshold": ThresholdDetector(),
    "atlas": AtlasDetector(),
    "atlas-position": AtlasDetector(map_scoring=MapScoring(reference="position", symmetry=False)),
    "autoencoder": ConvAutoencoderDetector(
        channels=(4, 8), latent_dim=8, training=BRIEF, device="cpu", random_state=0
    ),
    "cross-modal": CrossModalDetector(pixels_per_slice=64, device="cpu", random_state=0),
    "deep-ocsvm": DeepFeatureDetector(
        "ocsvm", features=FilterBankFeatures(), conditioning=CONDITIONING, **SMALL
    ),
    "deep-mahalanobis": DeepFeatureDetector(conditioning=False, **SMALL),
    "ensemble": EnsembleDetector(
        [
            AtlasDetector(),
            CrossModalDetector(pixels_per_slice=64, device="cpu", random_state=0),
        ],
        weights="calibrated",
    ),
    "patch-memory": PatchMemoryDetector(
        features=FilterBankFeatures(), conditioning=False, random_state=0
    ),
    "synthetic": SyntheticAnomalyDetector(copies=1, hidden=(8,), device="cpu", random_state=0),
}
