"""The `Predictor`, and its defaults, for each value of the parameter `predictor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator, clone

from ctmri_detect.detectors.cross_modal.many_planes import ManyPlanesPredictor
from ctmri_detect.detectors.cross_modal.pixel_predictor import PixelPredictor
from ctmri_detect.detectors.cross_modal.predictor import Predictor
from ctmri_detect.detectors.cross_modal.regressor_pair import RegressorPair, is_regressor
from ctmri_detect.detectors.cross_modal.unet_predictor import UNetPredictor
from ctmri_detect.networks.regression import NetworkRegressor
from ctmri_detect.networks.training.settings import Training


@dataclass(frozen=True)
class Settings:
    """Parameters of the detector that its predictor needs."""

    training: Training
    trim: float
    pixels_per_slice: int
    device: str
    n_planes: int = 2


@dataclass(frozen=True)
class Form:
    """How a predictor is made, and the defaults of the detector that go with it."""

    make: Callable[[Any, Settings], Predictor]
    training: dict[str, Any]
    map_scoring: dict[str, Any]


def _pixel(_: Any, given: Settings) -> Predictor:
    if given.n_planes > 2:
        return ManyPlanesPredictor(given.training, given.trim, given.device, given.pixels_per_slice)
    regressor = NetworkRegressor(given.training, given.trim, given.device, 0)
    return PixelPredictor(regressor, given.pixels_per_slice)


def _unet(_: Any, given: Settings) -> Predictor:
    return UNetPredictor(given.training, given.trim, given.device)


def _regressor(regressor: BaseEstimator, given: Settings) -> Predictor:
    return PixelPredictor(RegressorPair(regressor, given.trim, 0), given.pixels_per_slice)


def _own(predictor: Any, _: Settings) -> Predictor:
    return clone(predictor)


_PIXEL = {"max_epochs": 8, "batch_size": 2048, "lr": 5e-3, "schedule": "onecycle"}
_UNET = {"max_epochs": 60, "batch_size": 16, "lr": 3e-3, "augmentation": "flip"}
NAMED = {
    "pixel": Form(_pixel, _PIXEL, {}),
    "unet": Form(_unet, _UNET, {"symmetry": False}),
}
_REGRESSOR = Form(_regressor, _PIXEL, {})
_OWN = Form(_own, _PIXEL, {})


def form_of(predictor: object) -> Form:
    """The form for a value of the parameter `predictor`."""
    if isinstance(predictor, str):
        return NAMED.get(predictor, NAMED["pixel"])
    return _OWN if isinstance(predictor, Predictor) else _REGRESSOR


def can_predict(value: object) -> bool:
    """Whether it is a predictor, or a regressor that a predictor can use."""
    return isinstance(value, Predictor) or is_regressor(value)
