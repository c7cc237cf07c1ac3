"""Run torch independently of the settings of the user's program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ctmri_detect._extras import require


@contextmanager
def own_settings() -> Iterator[None]:
    """Use torch's default settings for a while, in this thread.

    So a network gives the same results inside the user's ``torch.no_grad``, ``torch.autocast`` or
    ``torch.set_default_device``. The default dtype belongs to the whole process and is not changed:
    networks name their dtype, float32.

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
        # torch.get_default_device fails in torch 2.4 once the default device was reset
        if torch.empty(0).device.type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
