"""Checkpoints: a folder for each training, with the state after its last epoch."""

from __future__ import annotations

import io
import json
import pickle
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from ctmri_detect.networks.training.identity import Identity, name_of
from ctmri_detect.storage.whole import write_whole

STATE, WEIGHTS, ABOUT = "state.ckpt", "weights.pt", "training.json"
_KIND = b"ctmri_detect checkpoint 1\n"
_DIGEST_LENGTH = 64
_START = len(_KIND) + _DIGEST_LENGTH + 1


class Checkpoints:
    """The checkpoints of one training.

    Parameters
    ----------
    root : path
        ``Training.checkpoint_dir``; the training has a folder of its own in it.
    identity : dict
        From `identify`; names the folder, and is written into each checkpoint.
    """

    def __init__(self, root: Any, identity: Identity) -> None:
        self.folder = Path(root) / name_of(identity)
        self.identity = identity

    def prepare(self) -> None:
        """Make the folder, describe the training in it, and delete unfinished files."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for rest in self.folder.glob(".*.tmp"):
                rest.unlink(missing_ok=True)
            text = json.dumps(self.identity, indent=1)
            write_whole(self.folder / ABOUT, text.encode())
        except OSError as error:
            raise ValueError(
                f"Training's checkpoint_dir is {str(self.folder.parent)!r}, which can't be "
                f"written ({error}); expected a folder with room for checkpoints."
            ) from error

    def save(self, state: dict[str, Any], *, finished: bool) -> None:
        """Write a state; an OSError leaves the last one as it was."""
        whole = {"identity": self.identity, "finished": finished, **state}
        payload = serialised(whole)
        head = _KIND + _digest(payload) + b"\n"
        write_whole(self.folder / STATE, head, payload)

    def save_weights(self, weights: dict[str, Any]) -> None:
        """Write the network's weights, as a file for `torch.load`."""
        write_whole(self.folder / WEIGHTS, serialised(weights))

    def load(self) -> dict[str, Any] | None:
        """The last state, None if there is none, a ValueError if it can't be used."""
        path = self.folder / STATE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        payload = memoryview(content)[_START:]
        if content[: len(_KIND)] != _KIND or content[len(_KIND) : _START - 1] != _digest(payload):
            raise _unusable(path, "is damaged or cut off")
        try:
            state: dict[str, Any] = torch.load(
                io.BytesIO(payload), map_location="cpu", weights_only=True
            )
        except (pickle.UnpicklingError, RuntimeError) as error:
            what = "holds more than tensors and plain values, or is of another version of torch"
            raise _unusable(path, what) from error
        if state["identity"] != self.identity:
            raise _unusable(path, "belongs to another training")
        return state


def serialised(value: Any) -> memoryview:
    """The bytes that `torch.save` makes of a value."""
    buffer = io.BytesIO()  # in memory first: torch gives an unclear error when the disk is full
    torch.save(value, buffer)
    return buffer.getbuffer()


def _digest(payload: memoryview) -> bytes:
    return blake2b(payload, digest_size=_DIGEST_LENGTH // 2).hexdigest().encode()


def _unusable(path: Path, what: str) -> ValueError:
    return ValueError(
        f"The checkpoint {path} {what}. Delete it to train from the beginning, or put back a "
        "copy of it."
    )
