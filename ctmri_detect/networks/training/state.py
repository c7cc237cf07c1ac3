"""The state that a training needs to continue, as tensors and plain values."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from skorch.callbacks import EarlyStopping, LRScheduler, PassthroughScoring
from skorch.history import History

from ctmri_detect.networks.training.net import LossNet

State = dict[str, Any]
_STOPPING = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")


def collect(net: LossNet) -> State:
    """The state between two epochs; it can be stored without pickle."""
    return {
        "weights": dict(net.module.state_dict()),
        "optimizer": plain(net.optimizer_.state_dict()),
        "callbacks": {name: plain(_of_callback(c)) for name, c in net.callbacks_},
        "history": epochs(net),
        "steps_done": net.steps_done,
        "random": _random_states(net),
    }


def restore(net: LossNet, state: State) -> None:
    """Give `net`, whose training has just begun, the state that `collect` returned."""
    net.module.load_state_dict(state["weights"])
    net.optimizer_.load_state_dict(state["optimizer"])
    for name, callback in net.callbacks_:
        _restore_callback(callback, state["callbacks"].get(name))
    net.history = History([{**row, "batches": []} for row in state["history"]])
    net.steps_done = state["steps_done"]
    _restore_random(net, state["random"])


def epochs(net: LossNet) -> list[dict[str, Any]]:
    """One dict of plain values an epoch."""
    rows = [{k: plain(v) for k, v in row.items() if k != "batches"} for row in net.history]
    keep = (bool, int, float, str, type(None))
    return [{k: v for k, v in row.items() if isinstance(v, keep)} for row in rows]


def plain(value: Any) -> Any:
    """Containers and numpy scalars as Python's own, which torch loads without a pickle."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(plain(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _of_callback(callback: Any) -> Any:
    if isinstance(callback, LRScheduler):
        return {"scheduler": callback.lr_scheduler_.state_dict(), "step": callback.batch_idx_}
    if isinstance(callback, EarlyStopping):
        return {name: getattr(callback, name) for name in _STOPPING}
    if isinstance(callback, PassthroughScoring):
        return callback.best_score_
    return callback.state_dict() if hasattr(callback, "state_dict") else None


def _restore_callback(callback: Any, state: Any) -> None:
    if state is None:
        return
    if isinstance(callback, LRScheduler):
        callback.lr_scheduler_.load_state_dict(state["scheduler"])
        callback.batch_idx_ = state["step"]
    elif isinstance(callback, EarlyStopping):
        vars(callback).update(state)
    elif isinstance(callback, PassthroughScoring):
        callback.best_score_ = state
    elif hasattr(callback, "load_state_dict"):
        callback.load_state_dict(state)


def _random_states(net: LossNet) -> State:
    """The states of all random generators in use."""
    states: State = {"augmentation": net.generator.bit_generator.state}
    if net.own_order is not None:
        states["order"] = net.own_order.get_state()
    if net.touches_no_global:
        return states
    kind, values, *rest = np.random.get_state()  # noqa: NPY002
    states["numpy"] = [kind, np.asarray(values).tolist(), *rest]
    states["python"], states["torch"] = random.getstate(), torch.get_rng_state()
    if torch.device(net.where).type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(net.where)
    return states


def _restore_random(net: LossNet, states: State) -> None:
    net.generator.bit_generator.state = states["augmentation"]
    if net.own_order is not None:
        net.own_order.set_state(states["order"])
    if net.touches_no_global:
        return
    kind, values, *rest = states["numpy"]
    np.random.set_state((kind, np.asarray(values, np.uint32), *rest))  # noqa: NPY002
    random.setstate(states["python"])
    torch.set_rng_state(states["torch"])
    if "cuda" in states and torch.device(net.where).type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], net.where)
