"""The detectors that the command knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ctmri_detect
from ctmri_detect.cli._messages import tell

# Looked up when called: listing the names must not import a detector.
DETECTORS: dict[str, Callable[[], Any]] = {
    "fast": lambda: ctmri_detect.make_detector("fast"),
    "balanced": lambda: ctmri_detect.make_detector("balanced"),
    "best": lambda: ctmri_detect.make_detector("best"),
    "threshold": lambda: ctmri_detect.ThresholdDetector(),
    "atlas-position": lambda: ctmri_detect.AtlasDetector(
        map_scoring=ctmri_detect.MapScoring(reference="position", symmetry=False)
    ),
    "atlas": lambda: ctmri_detect.AtlasDetector(),
    "autoencoder": lambda: ctmri_detect.ConvAutoencoderDetector(),
    "cross-modal": lambda: ctmri_detect.CrossModalDetector(),
    "deep-mahalanobis": lambda: ctmri_detect.DeepFeatureDetector(detector="mahalanobis"),
    "deep-knn": lambda: ctmri_detect.DeepFeatureDetector(detector="knn"),
    "deep-ocsvm": lambda: ctmri_detect.DeepFeatureDetector(detector="ocsvm"),
    "deep-iforest": lambda: ctmri_detect.DeepFeatureDetector(detector="iforest"),
    "latent": lambda: ctmri_detect.DeepFeatureDetector(
        features=ctmri_detect.features.LatentFeatures(
            ctmri_detect.ConvAutoencoderDetector("variational"), depth=1, apart=True
        ),
        conditioning=ctmri_detect.features.FeatureConditioning(smoothing=1.3),
    ),
    "patch-memory": lambda: ctmri_detect.PatchMemoryDetector(),
    "synthetic": lambda: ctmri_detect.SyntheticAnomalyDetector(),
}

SHOWN = ("threshold", "atlas-position", "atlas", "autoencoder", "cross-modal", "deep-ocsvm")
"""One or two of each family, for the demonstration, which should end in minutes."""


def make_detector(name: str, seed: int, *, epochs: int | None = None) -> Any:
    """A new detector with this seed, if it takes one; `epochs` is for autoencoders only."""
    detector = DETECTORS[name]()
    parameters = detector.get_params(deep=False)
    if "random_state" in parameters:
        detector.set_params(random_state=seed)
    if epochs is not None:
        prefix = "convautoencoderdetector__" if name in ("balanced", "best") else ""
        if prefix or name == "autoencoder":
            detector.set_params(**{f"{prefix}training__max_epochs": epochs})
    return detector


def suit(detector: Any, name: str, modalities: Sequence[str]) -> None:
    """Set up a detector for one plane: parts that compare planes then look within the plane."""
    if len(modalities) > 1:
        return
    parts = {key: part for key, part in detector.get_params().items() if hasattr(part, "evidence")}
    members = getattr(detector, "detectors", None) or []
    found = [*([detector] if hasattr(detector, "evidence") else []), *parts.values(), *members]
    changed = False
    for part in found:
        if "mismatch" in (getattr(part, "evidence", None) or ()):
            part.set_params(evidence=("within",))
            changed = True
    if changed:
        tell(
            f"note: {modalities[0]} alone can't be compared with another modality, so {name} looks "
            "within it (evidence=('within',)). Detectors made for one modality: atlas, "
            "autoencoder, patch-memory."
        )


def train_with(detector: Any, name: str, **settings: Any) -> None:
    """Change settings of `Training` for the networks that a detector trains on images.

    Raises
    ------
    ValueError
        If it trains none.
    """
    named = (part for part in detector.get_params() if part.split("__")[-1] == "training")
    # the training of a conditioning is short and on features, not on images
    parts = [part for part in named if not part.startswith("conditioning")]
    if not parts:
        raise ValueError(
            f"The detector {name} trains no network, so it has no epochs and no checkpoints. Leave "
            "out --epochs and --checkpoint, or choose a detector that trains, such as cross-modal "
            "or autoencoder."
        )
    detector.set_params(**{f"{part}__{key}": v for part in parts for key, v in settings.items()})
