"""Outputs of some layers of any torch network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from threading import Lock, get_ident
from typing import Any

from torch import Tensor, nn

_REGISTERING = Lock()  # torch does not lock its counter of hooks
_MOST_NAMES = 5  # that a message lists


def check_layers(network: nn.Module, layers: Sequence[str]) -> None:
    """Refuse a name that is not in ``network.named_modules()``.

    Raises
    ------
    ValueError
        It lists the most similar names.

    Examples
    --------
    >>> check_layers(nn.Sequential(nn.ReLU()), ["1"])
    Traceback (most recent call last):
    ...
    ValueError: Sequential has no layer '1'; expected a name of module.named_modules(), such as '0'.
    """
    names = [name for name, _ in network.named_modules() if name]
    for layer in layers:
        if layer not in names:
            near = get_close_matches(layer, names, _MOST_NAMES, cutoff=0.4) or names[:_MOST_NAMES]
            raise ValueError(
                f"{type(network).__name__} has no layer {layer!r}; expected a name of "
                f"module.named_modules(), such as {', '.join(map(repr, near)) or '(it has none)'}."
            )


class _AllRead(Exception):
    """Stops a network when the last layer that was asked for has run."""


def layer_outputs(network: nn.Module, layers: Sequence[str], images: Tensor) -> list[Tensor]:
    """Outputs of the layers for some images. Later layers don't run.

    Several threads may use one network at once.

    Parameters
    ----------
    network : Module
    layers : sequence of str
        Names of ``network.named_modules()``.
    images : Tensor (n, channels, height, width)

    Returns
    -------
    list of Tensor (n, channels, height, width)
        In the order of `layers`. A layer that runs several times gives its first output.

    Raises
    ------
    ValueError
        If a layer did not run, or gives no such tensor.
    """
    taken: dict[str, Any] = {}
    thread = get_ident()

    def keeper(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            if get_ident() == thread:  # the network may run in another thread, too
                taken.setdefault(name, output)
                if len(taken) == len(set(layers)):
                    raise _AllRead

        return keep

    with _REGISTERING:
        hooks = [network.get_submodule(n).register_forward_hook(keeper(n)) for n in set(layers)]
    try:
        with suppress(_AllRead):
            network(images)
    finally:
        with _REGISTERING:
            for hook in hooks:
                hook.remove()
    for name in layers:
        _check_output(name, taken.get(name), len(images))
    return [taken[name] for name in layers]


def _check_output(name: str, output: Any, n_images: int) -> None:
    if isinstance(output, Tensor) and output.ndim == 4 and len(output) == n_images:
        return
    found = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    given = "did not run" if output is None else f"gives {found}"
    raise ValueError(
        f"The layer {name!r} {given}; expected a tensor (n, channels, height, width). Name a "
        "layer of convolutions that the network's forward calls."
    )
