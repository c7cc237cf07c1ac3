"""Torch networks as weights and a description that builds them again.

Only networks of ``ctmri_detect.networks`` can be saved. Where the constructor takes arguments,
``config`` is the dict of these arguments, in plain JSON.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from typing import TYPE_CHECKING, Any

from ctmri_detect._extras import require
from ctmri_detect.exceptions import UntrustedModelError
from ctmri_detect.networks.device import available_device

if TYPE_CHECKING:
    from torch import nn

_MODULE = re.compile(r"ctmri_detect\.networks(\.\w+)*")


def config_of(network: nn.Module) -> dict[str, Any]:
    """Keyword arguments of the network's constructor; empty where it has no ``config``."""
    return dict(getattr(network, "config", {}))


def check_network(network: nn.Module, name: str) -> None:
    """Refuse a network that could not be built again."""
    kind = type(network)
    if not _MODULE.fullmatch(kind.__module__):
        raise TypeError(
            f"{name} is a {kind.__module__}.{kind.__qualname__}; expected a network of "
            "ctmri_detect.networks. Save this one with torch.save(network.state_dict(), ...)."
        )
    try:
        json.dumps(config_of(network))
        inspect.signature(kind).bind(**config_of(network))
    except TypeError as error:
        raise TypeError(
            f"{kind.__qualname__} can't be built again from its config: {error}. It has to be the "
            "keyword arguments of the constructor, in plain JSON."
        ) from error


def describe(network: nn.Module) -> dict[str, Any]:
    """The description of a network in the manifest, which builds it again."""
    torch = require("torch", extra="torch")
    tensors = list(network.state_dict().values())
    last = torch.channels_last
    return {
        "class": f"{type(network).__module__}.{type(network).__qualname__}",
        "config": config_of(network),
        "device": str(tensors[0].device) if tensors else "cpu",
        # the layout decides which kernel runs, which changes the last bits of a map
        "channels_last": any(
            t.ndim == 4 and t.is_contiguous(memory_format=last) and not t.is_contiguous()
            for t in tensors
        ),
    }


def weights_of(network: nn.Module) -> bytes:
    """The weights as safetensors, which needs them on the CPU, contiguous and not shared."""
    safetensors = require("safetensors.torch", extra="save")
    state = network.state_dict().items()
    return safetensors.save({k: v.detach().cpu().contiguous().clone() for k, v in state})


def build(entry: dict[str, Any], weights: bytes) -> nn.Module:
    """The network that a manifest describes, in evaluation mode, on a device that exists here."""
    torch = require("torch", extra="torch")
    kind = _network_class(entry["class"])
    try:
        state = require("safetensors.torch", extra="save").load(weights)
    except require("safetensors", extra="save").SafetensorError as error:
        raise ValueError(f"The weights of {entry['class']} are damaged: {error}.") from error
    with torch.device("meta"):  # no initial weights are drawn
        network = kind(**entry["config"])
    network.load_state_dict({k: v.clone() for k, v in state.items()}, assign=True)
    if entry["channels_last"]:
        network = network.to(memory_format=torch.channels_last)
    return network.to(available_device(entry["device"])).eval()


def _network_class(name: object) -> Any:
    module, _, class_name = str(name).rpartition(".")
    found = None
    if _MODULE.fullmatch(module):
        try:
            found = getattr(importlib.import_module(module), class_name, None)
        except ModuleNotFoundError:
            found = None
    torch = require("torch", extra="torch")
    is_network = isinstance(found, type) and issubclass(found, torch.nn.Module)
    if not is_network or getattr(found, "__module__", None) != module:
        raise UntrustedModelError(
            f"The model names the network {name!r}; expected a class of ctmri_detect.networks. "
            "Update ctmri_detect, or don't use this file."
        )
    return found
