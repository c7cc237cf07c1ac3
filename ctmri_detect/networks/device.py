"""The device that a network runs on, and the precision of its training."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

from ctmri_detect._extras import require

PRECISIONS = ("auto", "float32", "bfloat16")


def resolve_device(device: str) -> str:
    """Name of the device to use.

    Parameters
    ----------
    device : str
        "auto" takes CUDA if there is, else the CPU; any other name is torch's.

    Returns
    -------
    str
        Such as "cpu" or "cuda".

    Raises
    ------
    ValueError
        For a name that torch does not know, or CUDA if there is none.

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
    """The device itself if this machine has it, else "cpu".

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

    "auto" takes bfloat16 if the hardware multiplies in it: CUDA devices that support it, and
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
    """Raise a RuntimeError if ``torch.compile`` has nothing to compile with.

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
