"""The steps of a Pipeline, those of Pipelines inside it included."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline


def flat_steps(step: Any) -> list[Any]:
    """The transformers in order, without those that let everything through."""
    if step is None or step == "passthrough":
        return []
    if isinstance(step, Pipeline):
        return [inner for _, each in step.steps for inner in flat_steps(each)]
    return [step]
