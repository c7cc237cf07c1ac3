"""Parts that skops can't save are taken out before saving, and put back after loading."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator

from ctmri_detect.networks.device import available_device
from ctmri_detect.persistence._networks import build, check_network
from ctmri_detect.persistence._walk import mapped
from ctmri_detect.scoring import MapScoring


class SavedNetwork:
    """Stands in the saved estimator for a torch module; `member` is the file of its weights."""

    def __init__(self, member: str) -> None:
        self.member = member

    def to(self, device: str) -> SavedNetwork:
        """Nothing to move; an estimator's ``__setstate__`` may ask for it."""
        return self

    def cpu(self) -> SavedNetwork:
        """Nothing to move; an estimator's ``__getstate__`` may ask for it."""
        return self


class SavedFrame:
    """Stands in for a DataFrame of numbers and text, such as the history of a training."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.columns = [(str(name), column.to_numpy()) for name, column in frame.items()]

    def frame(self) -> pd.DataFrame:
        """The DataFrame, rows numbered from 0."""
        return pd.DataFrame(dict(self.columns))


def take_out(estimator: BaseEstimator) -> tuple[Any, dict[str, Any]]:
    """A copy of the estimator with stand-ins, and its networks by the member they go to."""
    networks: dict[str, Any] = {}
    taken: dict[int, SavedNetwork] = {}
    torch = sys.modules.get("torch")  # if it was not imported, there is no network

    def replace(value: Any, name: str) -> Any:
        if isinstance(value, MapScoring):
            return value.lean()
        if isinstance(value, pd.DataFrame):
            return SavedFrame(value)
        if torch is not None and isinstance(value, torch.device):
            return str(value)
        if torch is not None and isinstance(value, torch.nn.Module):
            if id(value) not in taken:
                check_network(value, name)
                taken[id(value)] = SavedNetwork(f"weights-{len(networks)}.safetensors")
                networks[taken[id(value)].member] = value
            return taken[id(value)]
        return value

    return mapped(estimator, replace), networks


def put_back(estimator: BaseEstimator, described: dict[str, Any], weights: dict[str, bytes]) -> Any:
    """The loaded estimator with its networks and frames, on a device that exists here."""
    networks = {name: build(entry, weights[name]) for name, entry in described.items()}

    def replace(value: Any, name: str) -> Any:
        if isinstance(value, SavedNetwork):
            return networks[value.member]
        if isinstance(value, SavedFrame):
            return value.frame()
        if isinstance(value, MapScoring):
            return value.restored()
        return available_device(value) if name == "device_" and isinstance(value, str) else value

    return mapped(estimator, replace)
