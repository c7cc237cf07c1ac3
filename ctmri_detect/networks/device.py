"""Where networks run, in which precision, and with whose random numbers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from typing import Any

from ctmri_detect._extras import require
from ctmri_detect._random import isolated_generators

__all__ = [
    "PRECISIONS",
    "PortableNetwork",
    "available_device",
    "check_compiler",
    "isolated_generators",
    "own_settings",
    "resolve_device",
    "resolve_precision",
]

PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_device(device: str) -> str:
    """Name of the device to use.

    Parameters
    ----------
    device : str
        "auto" takes CUDA where it is, else the CPU; any other name is torch's.

    Returns
    -------
    str
        Such as "cpu" or "cuda".

    Raises
    ------
    ValueError
        For a name that torch does not know, or CUDA where there is none.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    torch = require("torch", extra="torch")
    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f'device is {device!r}; expected "auto", "cpu", "cuda" or another name of torch.'
        ) from error
    if kind == "cuda" and not available:
        raise ValueError(
            f'device is {device!r}, but torch finds no CUDA device; expected "auto" or "cpu". '
            "Install a torch build with CUDA to use one."
        )
    return str(device)


def available_device(device: str) -> str:
    """The device on which something was fitted, or the CPU where this machine has not got it.

    Examples
    --------
    >>> available_device("cpu")
    'cpu'
    """
    if not device.startswith("cuda"):
        return device
    torch = require("torch", extra="torch")
    return device if int(device.partition(":")[2] or 0) < torch.cuda.device_count() else "cpu"


def resolve_precision(precision: str, device: str) -> str:
    """Number format of the matrix products in training: "float32" or "bfloat16".

    "auto" takes bfloat16 where the hardware multiplies in it: CUDA devices that support it, and
    CPUs with AMX or AVX512-BF16 instructions. On a CPU with AVX512-BF16 alone, training the
    autoencoder measured 1.5 times as fast as float32; without either instruction set bfloat16
    is emulated. Weights, losses and all scoring stay float32.

    Parameters
    ----------
    precision : {"auto", "float32", "bfloat16"}
    device : str
        As `resolve_device` gives it.

    Raises
    ------
    ValueError
        For any other value.

    Examples
    --------
    >>> resolve_precision("float32", "cpu")
    'float32'
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; expected one of {', '.join(PRECISIONS)}.")
    if precision != "auto":
        return precision
    torch = require("torch", extra="torch")
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    if device != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # torch before 2.11
        return "float32"
    able = torch.cpu.get_capabilities()
    return "bfloat16" if able.get("amx_bf16") or able.get("avx512_bf16") else "float32"


def check_compiler(device: str) -> None:
    """Raise a RuntimeError where ``torch.compile`` has nothing to compile with.

    Parameters
    ----------
    device : str
        As `resolve_device` gives it.
    """
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    compiler = os.environ.get("CXX") or usual
    missing = "" if shutil.which(compiler) else f"the C++ compiler {compiler!r}"
    if device.startswith("cuda") and importlib.util.find_spec("triton") is None:
        missing = "the package 'triton'"
    if missing:
        raise RuntimeError(
            f"Training's compile is True, but torch.compile needs {missing} on device {device!r}, "
            "which is not there. Install it, or set compile=False."
        )


@contextmanager
def own_settings() -> Iterator[None]:
    """Torch's own settings for a while, in this thread, whatever those of the user's program are.

    A network is trained and scores alike under ``torch.no_grad``, ``torch.autocast`` and
    ``torch.set_default_device``. The default dtype is the whole process's, so it is left alone:
    networks name theirs, float32.

    Examples
    --------
    >>> import torch
    >>> with torch.no_grad(), own_settings():
    ...     torch.is_grad_enabled()
    True
    """
    torch = require("torch", extra="torch")
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


class PortableNetwork:
    """Mixin: what was fitted on CUDA pickles as a CPU model and goes back where it can.

    The estimator keeps its module in ``network_`` and the device's name in ``device_``; put the
    mixin before `BaseEstimator` among the bases.
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
