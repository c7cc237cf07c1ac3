"""Pickle fitted networks so that they load on any machine."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ctmri_detect.networks.device import available_device


class PortableNetwork:
    """Mixin: a model fitted on CUDA is pickled as a CPU model.

    It is unpickled on the device it was fitted on, or on the CPU if that device is missing. The
    estimator keeps its module in ``network_`` and the device's name in ``device_``. Put the mixin
    before `BaseEstimator` among the bases.
    """

    device_: str
    network_: Any

    def __getstate__(self) -> dict[str, Any]:
        parent: Any = super()
        state = dict(parent.__getstate__())
        if state.get("device_", "cpu") != "cpu" and "network_" in state:
            state["network_"] = deepcopy(state["network_"]).cpu()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        parent: Any = super()
        parent.__setstate__(state)
        if getattr(self, "device_", "cpu") != "cpu":
            self.device_ = available_device(self.device_)
            if hasattr(self, "network_"):
                self.network_ = self.network_.to(self.device_)
