"""Devices, precision, and what pickles."""

from __future__ import annotations

import pickle

import pytest
from sklearn.base import BaseEstimator

from ctmri_detect.networks.device import available_device, resolve_device, resolve_precision
from ctmri_detect.networks.portable import PortableNetwork

torch = pytest.importorskip("torch")
CUDA = torch.cuda.is_available()


class Holder(PortableNetwork, BaseEstimator):
    """The least estimator with a network."""


def test_auto_takes_what_is_there():
    assert resolve_device("auto") == ("cuda" if CUDA else "cpu")
    assert resolve_precision("auto", "cpu") in ("float32", "bfloat16")
    assert resolve_precision("bfloat16", "cpu") == "bfloat16"


@pytest.mark.parametrize("name", ["gpu-of-my-dreams", 3.5, None])
def test_unknown_devices_are_named(name):
    with pytest.raises(ValueError, match="device is"):
        resolve_device(name)


@pytest.mark.skipif(CUDA, reason="there is a CUDA device")
def test_cuda_without_cuda_says_so():
    with pytest.raises(ValueError, match="no CUDA device"):
        resolve_device("cuda")


def test_unknown_precision_is_named():
    with pytest.raises(ValueError, match="precision is 'float8'"):
        resolve_precision("float8", "cpu")


@pytest.mark.parametrize(("able", "expected"), [(True, "bfloat16"), (False, "float32")])
@pytest.mark.parametrize("flag", ["amx_bf16", "avx512_bf16"])
def test_bfloat16_follows_the_hardware(monkeypatch, flag, able, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {flag: able}, raising=False)
    assert resolve_precision("auto", "cpu") == expected


def test_what_was_fitted_elsewhere_comes_back_on_the_cpu(monkeypatch):
    holder = Holder()
    holder.network_, holder.device_ = torch.nn.Linear(2, 1), "cuda"  # as a CUDA fit leaves it
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    copy = pickle.loads(pickle.dumps(holder))
    assert copy.device_ == "cpu"
    assert next(copy.network_.parameters()).device.type == "cpu"
    assert torch.equal(copy.network_.weight, holder.network_.weight)
    assert available_device("cuda:1") == "cpu"
