"""Tables of the docs about autoencoders and options of `MapScoring`, for `write_tables.py`."""

from __future__ import annotations

import pandas as pd
from method_tables import AUROC_AND_AP
from table_spec import Part, Table, listed, said

STAGES = {
    "absolute residual": "absolute residual",
    "smoothed": "smoothed",
    "smoothed, reference": "smoothed, reference",
    "smoothed, reference, symmetry": "smoothed, reference, symmetry",
    "the same, symmetry required": "smoothed, reference, symmetry required",
}
WHOLE = STAGES["smoothed, reference, symmetry"]
OBJECTIVES = {"denoising": "denoising (**default**)"}
OBJECTIVES |= {name: name for name in ("plain", "uncertainty", "variational")}
BOTH = said("{:.3f} / {:.3f}", "auroc", "pixel_ap")
DETECTORS = [Part(n, {"detector": n}) for n in ("atlas", "cross-modal")]


def _stages() -> list[Part]:
    """Each objective's stages; the objective is named once."""
    lines = [
        Part((name if i == 0 else "", label), {"detector": objective, "stage": stage})
        for objective, name in OBJECTIVES.items()
        for i, (label, stage) in enumerate(STAGES.items())
    ]
    others = [
        Part((f"{n}, for comparison", "all"), {"detector": n}) for n in ("atlas", "threshold")
    ]
    return [*lines, *others]


def _by_objective(found: pd.DataFrame) -> pd.DataFrame:
    """A row for each objective, with how many times as fast it is as plain skorch."""
    parts = []
    for name in ("denoising", "uncertainty"):
        own = found.filter(regex=f"^{name}\\.").rename(columns=lambda c: c.partition(".")[2])
        own["times"] = own["train"] / own["train_plain"]
        for way in ("torch", "onnxruntime"):
            own[f"times.{way}"] = own[f"score.{way}"] / own["score.plain"]
        parts.append(own.assign(objective=name))
    return pd.concat(parts)


TABLES = {
    "autoencoders": Table("autoencoders", ("objective", "stages"), _stages(), AUROC_AND_AP),
    "autoencoder-speed": Table(
        "autoencoder_speed",
        "",
        [
            Part(label, form=said(*form))
            for label, form in {
                "training, images a second": ("{:.1f} ({:.1f} x plain skorch)", "train", "times"),
                "of the float32 product's arithmetic rate": ("{:.2f}", "train_share"),
                "loss after two epochs, ours / plain": (
                    "{:.3f} / {:.3f}",
                    "loss",
                    "loss_plain",
                ),
                "scoring, torch": ("{:.0f} ({:.1f} x)", "score.torch", "times.torch"),
                "scoring, onnxruntime": (
                    "{:.0f} ({:.1f} x)",
                    "score.onnxruntime",
                    "times.onnxruntime",
                ),
            }.items()
        ],
        [
            Part("denoising", {"objective": "denoising"}),
            Part("bottleneck", {"objective": "uncertainty"}),
        ],
        made=_by_objective,
    ),
    "cross-fitting": Table(
        "cross_fitting",
        ("objective", "held out"),
        [
            Part((name if not each else "", label), {"objective": name, "cross_fit": each})
            for name in ("denoising", "plain")
            for label, each in (("a quarter (default)", False), ("each half in turn", True))
        ],
        [
            Part("image AUROC", form=said("{:.3f}", "auroc")),
            Part("pixel AP", form=said("{:.3f}", "pixel_ap")),
            Part("healthy slices flagged at 5 %", form=said("{:.0%}", "healthy_flagged")),
        ],
    ),
    "summary": Table(
        "summary_bank",
        "detector",
        DETECTORS,
        [
            Part(b, {"bank": b}, said("{:.3f} / {:.3f}, {:.0f} MiB", "auroc", "pixel_ap", "mib"))
            for b in ("slices", "summary")
        ],
    ),
    "summary-files": Table(
        "summary_bank",
        "detector",
        DETECTORS,
        [
            Part("file", form=listed("{:.0f} MiB", "mib", ", then ")),
            Part("image AUROC / pixel AP, slices", {"bank": "slices"}, BOTH),
            Part("the same, summary", {"bank": "summary"}, BOTH),
        ],
    ),
}
