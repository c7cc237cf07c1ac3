"""Networks of pairs as ONNX, and sessions of onnxruntime that run them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any
from weakref import WeakKeyDictionary

import torch

from ctmri_detect._extras import require
from ctmri_detect.networks.pair_network import PairNetwork
from ctmri_detect.networks.torch_settings import own_settings

_SESSIONS: WeakKeyDictionary[PairNetwork, Any] = WeakKeyDictionary()  # a session can't be pickled


@own_settings()
def onnx_bytes(network: PairNetwork, image_shape: tuple[int, ...]) -> bytes:
    """A network of pairs as an ONNX model, for any number of pairs.

    Raises
    ------
    ImportError
        Without the packages `onnx` and `onnxscript`.
    """
    require("onnx", extra="onnx")
    require("onnxscript", extra="onnx")
    copy = deepcopy(network).cpu().eval()
    example = torch.zeros(2, network.n_planes, *image_shape, dtype=torch.float32)
    with _quiet():
        program: Any = torch.onnx.export(
            copy,
            (example,),
            input_names=["pairs"],
            output_names=["rebuilt_mean", "rebuilt_log_variance"],
            dynamic_shapes=({0: torch.export.Dim("n")},),
            dynamo=True,
            verbose=False,
        )
    model: bytes = program.model_proto.SerializeToString()
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's messages about torchvision, which is not needed, and about deprecation."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def onnx_session(network: PairNetwork, image_shape: tuple[int, ...]) -> Any:
    """The session that runs a network on the CPU; made once for each network."""
    session = _SESSIONS.get(network)
    if session is None:
        runtime = require("onnxruntime", extra="onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = runtime.InferenceSession(
            onnx_bytes(network, image_shape), options, providers=["CPUExecutionProvider"]
        )
        _SESSIONS[network] = session
    return session
