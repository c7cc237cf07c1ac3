"""Conditions under which a benchmark tests or trains detectors, for robustness curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ctmri_detect.evaluation.cells import AS_THEY_ARE
from ctmri_detect.pairs import Pairs

Rows = npt.NDArray[np.int64]
Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Condition:
    """What is done to the test samples, or to the choice of training samples.

    For a condition of your own, write a subclass with a `name`, and with
    ``change(sample, rng, pairs)`` for test samples or ``training(rows, target, patients, rng)``
    for training samples. It must be a frozen dataclass, or have parameters that pickle, so that a
    store can recognise it.

    Parameters
    ----------
    level : float
        How strong the change is. It is the x-axis of a robustness curve.

    Examples
    --------
    >>> from sklearn.utils import Bunch
    >>> from ctmri_detect import ThresholdDetector
    >>> from ctmri_detect.evaluation import benchmark
    >>> class Darker(Condition):
    ...     name = "darker MRI"
    ...     def change(self, sample, rng, pairs):
    ...         sample[1] *= 1 - self.level
    ...         return sample
    >>> X = np.random.default_rng(0).normal(size=(64, 2, 32, 32)).astype("float32")
    >>> y = np.where(np.arange(64) % 4, 1, -1)
    >>> data = Bunch(data=X, target=y, groups=np.arange(64) // 8)
    >>> detectors, conditions = {"threshold": ThresholdDetector()}, [Darker(0.1), Darker(0.2)]
    >>> result = benchmark(detectors, data, conditions=conditions, progress=False)
    >>> result.conditions[["condition", "level"]].values.tolist()
    [['', 0.0], ['darker MRI', 0.1], ['darker MRI', 0.2]]
    """

    name: ClassVar[str] = ""
    level: float

    @property
    def trains(self) -> bool:
        """Whether it changes the training samples, so that it needs a fit of its own."""
        return type(self).training is not Condition.training

    def change(self, sample: Image, rng: np.random.Generator, pairs: Pairs) -> Image:
        """One test sample ``(n_planes, height, width)`` under the condition.

        Parameters
        ----------
        sample : float32 array
            A copy; may be changed.
        rng : Generator
            Seeded by the sample and the seed of the run, so that all detectors see the same
            change.
        pairs : Pairs
            This sample alone, with its units and spacing.

        Returns
        -------
        float32 array (n_planes, height, width)
        """
        return sample

    def training(
        self,
        rows: Rows,
        target: npt.NDArray[np.int64],
        patients: npt.NDArray[Any],
        rng: np.random.Generator,
    ) -> Rows:
        """The training rows under the condition.

        Parameters
        ----------
        rows : int array
            Healthy training samples of the fold.
        target, patients : arrays (n_samples,)
            Labels and patients of all samples of the data, not only of the fold.
        rng : Generator
            For random draws.

        Returns
        -------
        int array
            The samples to train on, as row numbers of the data.
        """
        return rows

    def tested(self, X: Pairs, rows: Rows, seed: int) -> Image:
        """All samples of `X`, which are these rows of the data, under the condition.

        `X` has patients, units and spacing, and its frame has the column `slice` of the data.
        """
        out = np.array(X, dtype=np.float32)
        for i, row in enumerate(rows):
            rng = np.random.default_rng([seed, int(row)])
            out[i] = self.change(out[i], rng, X[i : i + 1])
        return out


def check_conditions(conditions: Any) -> list[Condition]:
    """The conditions, or an error that says what is wrong with them."""
    given = [] if conditions is None else conditions
    if not isinstance(given, Sequence) or not all(isinstance(one, Condition) for one in given):
        raise TypeError(
            f"conditions is {conditions!r}; expected a list of Condition objects, such as "
            "[Noise(0.05), Noise(0.1)], see ctmri_detect.evaluation.Condition."
        )
    for one in given:
        if one.name == AS_THEY_ARE:
            raise ValueError(f"{type(one).__name__} has no name; expected one, as in name = 'fog'.")
    seen = [(one.name, float(one.level)) for one in given]  # these identify a row of the tables
    if len(set(seen)) < len(seen):
        raise ValueError(
            "conditions holds the same name and level twice; expected different ones. Give a "
            "condition with other settings another name."
        )
    return list(given)
