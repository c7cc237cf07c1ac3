"""The settings of a training, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sklearn.base import BaseEstimator

from ctmri_detect._parameters import (
    BOOLEAN,
    PATH,
    CheckedParameters,
    Constraints,
    HasMethods,
    OneOf,
    SequenceOf,
    Such,
    check_parameters,
    check_value,
    integer,
    number,
)
from ctmri_detect.augmentation.augmentation import (
    AUGMENTATION,
    Augmentation,
    as_augmentation,
    no_augmentation,
)
from ctmri_detect.networks.device import PRECISIONS

if TYPE_CHECKING:
    from os import PathLike


def _is_callback(value: Any) -> bool:
    callback = value[-1] if isinstance(value, tuple) and value else value  # or a name and one
    return HasMethods(["on_train_begin", "on_epoch_end"]).is_satisfied_by(callback)


_CALLBACKS = SequenceOf("a list of skorch callbacks", Such("", _is_callback), least=0)


class Training(CheckedParameters, BaseEstimator):
    """Settings of a training. `docs/training.md` has examples.

    The device is not among them: it belongs to the detector, which also scores on it.

    Parameters
    ----------
    max_epochs : int, default=30
        Passes over the data; time grows in proportion.
    batch_size : int, default=16
        Samples in a step. Larger batches give fewer and steadier steps.
    lr : float, default=1e-3
        Learning rate; with ``schedule="onecycle"`` its maximum.
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
        The update rule ("sgd" with Nesterov momentum .9).
    schedule : {"onecycle"} or None, default="onecycle"
        "onecycle" raises the rate over the first 30 % of the steps, then lowers it; None keeps it
        constant.
    patience : int or None, default=None
        Training stops after so many epochs without a better validation loss, and keeps the best
        weights. None trains all epochs, and keeps the last weights.
    validation_fraction : float or None, default=None
        Share of the patients that are kept for validation and not trained on; at least one
        patient. Without patients, ten contiguous blocks of samples are used instead. None means
        .2 with `patience`; without it, all data are trained on.
    augmentation : {"flip", "default"}, Augmentation or None, default=None
        "flip" mirrors each training image left to right, with probability 1/2; "default" is
        `Augmentation()`, mild changes of geometry and intensity of pairs. More variety needs
        more epochs. Only training samples are changed, never validation samples or scored ones. A
        separate target follows the geometry and keeps its intensities; if the input is the
        target, both are the augmented pair. ``augmentation__rotation`` and the like change what
        is set: flips only for "flip", no augmentation for None.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format of the products, see `networks.device.resolve_precision`; weights, losses
        and scoring are float32.
    compile : bool, default=False
        Compile the network by ``torch.compile``: a minute at the start for faster steps, mostly
        on GPUs. It needs a C++ compiler.
    num_workers : int, default=0
        Processes that read batches in advance, for data on a slow disk.
    callbacks : list of skorch callbacks, default=None
        Run beside the library's own, for example ``[skorch.callbacks.GradientNormClipping(1)]``.
        What ``state_dict()`` of a callback returns is kept in checkpoints.
    verbose : int, default=0
        1 shows a progress bar with the losses on standard error; 0 nothing.
    log_dir : str or None, default=None
        Folder for TensorBoard; each training is a run of its own in it.
    checkpoint_dir : str or None, default=None
        Folder for checkpoints. Each training has a folder in it, with its state after the last
        epoch, and at the end ``weights.pt``. The data are read once more for their checksum.
    resume : bool, default=False
        Continue from the checkpoint of the same training (seed, settings, network, data, patients)
        if there is one. The weights at the end are the same as without the interruption; a
        finished training is loaded. Otherwise, and with False, train from the beginning.
    accelerator : accelerate.Accelerator, "auto" or None, default=None
        Train on several GPUs, see `docs/training.md`. "auto" makes an Accelerator from the
        environment, and can be saved with a detector.

    Examples
    --------
    >>> Training(max_epochs=5).set_params(lr=0.01).get_params()["lr"]
    0.01
    """

    _parameter_constraints: ClassVar[Constraints] = {
        "max_epochs": [integer(1)],
        "batch_size": [integer(1)],
        "lr": [number(above=0)],
        "optimizer": [OneOf("adamw", "adam", "sgd")],
        "schedule": [OneOf("onecycle"), None],
        "patience": [integer(1), None],
        "validation_fraction": [number(above=0, below=1), None],
        "augmentation": AUGMENTATION,
        "precision": [OneOf(*PRECISIONS)],
        "compile": BOOLEAN,
        "num_workers": [integer(0)],
        "callbacks": [_CALLBACKS, None],
        "verbose": [integer(0), *BOOLEAN],
        "log_dir": [PATH, None],
        "checkpoint_dir": [PATH, None],
        "resume": BOOLEAN,
        "accelerator": [
            OneOf("auto"),
            Such("an accelerate.Accelerator", HasMethods(["prepare", "gather"]).is_satisfied_by),
            None,
        ],
    }

    def __init__(
        self,
        max_epochs: int = 30,
        *,
        batch_size: int = 16,
        lr: float = 1e-3,
        optimizer: Literal["adamw", "adam", "sgd"] = "adamw",
        schedule: Literal["onecycle"] | None = "onecycle",
        patience: int | None = None,
        validation_fraction: float | None = None,
        augmentation: Literal["flip", "default"] | Augmentation | None = None,
        precision: Literal["auto", "float32", "bfloat16"] = "auto",
        compile: bool = False,
        num_workers: int = 0,
        callbacks: Sequence[Any] | None = None,
        verbose: int = 0,
        log_dir: str | PathLike[str] | None = None,
        checkpoint_dir: str | PathLike[str] | None = None,
        resume: bool = False,
        accelerator: Any = None,
    ) -> None:
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.schedule = schedule
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.augmentation = augmentation
        self.precision = precision
        self.compile = compile
        self.num_workers = num_workers
        self.callbacks = callbacks
        self.verbose = verbose
        self.log_dir = log_dir
        self.checkpoint_dir = checkpoint_dir
        self.resume = resume
        self.accelerator = accelerator

    def _check_parameters(self) -> None:
        if self.resume and self.checkpoint_dir is None:
            raise ValueError(
                "Training's resume is True, but checkpoint_dir is None; expected a folder to "
                "resume from. Set both, or resume=False."
            )

    def set_params(self, **params: Any) -> Training:
        """Set parameters; ``augmentation__x`` works for a name and for None, too."""
        chosen = params.get("augmentation", self.augmentation)
        nested = any(key.startswith("augmentation__") for key in params)
        if nested and not isinstance(chosen, Augmentation):
            params["augmentation"] = as_augmentation(chosen) or no_augmentation()
        super().set_params(**params)
        return self


def check_training(training: Training | None, random_state: Any) -> None:
    """Raise a ValueError for the first setting of a training that is out of its range.

    Parameters
    ----------
    training : Training or None
        None passes.
    random_state : object
        That of the fit; ``resume=True`` needs an integer.

    Raises
    ------
    ValueError

    Examples
    --------
    >>> check_training(Training(lr=-1), random_state=0)
    Traceback (most recent call last):
    ...
    sklearn.utils._param_validation.InvalidParameterError: ...lr...
    """
    check_value("training", training, [Training, None])
    if training is None:
        return
    check_parameters(training)
    if training.resume and not isinstance(random_state, Integral):
        raise ValueError(
            f"Training's resume is True, but random_state is {random_state!r}; expected an "
            "integer. Without it each fit is another training and finds no checkpoint."
        )
