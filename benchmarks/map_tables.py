"""Tables of the docs about residuals, maps and masks, for `write_tables.py`."""

from __future__ import annotations

from network_tables import BOTH, DETECTORS, WHOLE
from table_spec import Form, Part, Table, change, kept, last, of, said

SETTINGS = {
    "default: 2 px before, 0.7 and 2 px after, top 0.5 %, clip 9": "default",
    **{
        name: name
        for name in (
            "one scale, 2 px before and after",
            "the same, top 1 %",
            "smoothing 1, scales 0.7 and 2",
            "smoothing 1.5, scales 0.7 and 3",
            "smoothing 2, scales 0.7 and 3",
            "smoothing 2, scale 0.7",
            "top 1 %",
            "clip 6",
            "symmetry required",
            "no symmetry",
            "planes fused by mean",
            "planes fused by maximum",
        )
    },
}
ABLATION = {  # intervals as the run printed them
    "all stages (default)": "0.776 (0.747 to 0.807)",
    "no reference": "0.732 (0.696 to 0.766)",
    "reference by position": "0.757 (0.724 to 0.793)",
    "no symmetry": "0.766 (0.733 to 0.798)",
    "symmetry required": "0.780 (0.751 to 0.810)",
    "no smoothing": "0.620 (0.587 to 0.653)",
    "one scale, 2 px before and after": "0.789 (0.760 to 0.819)",
    "planes fused by mean": "0.768 (0.736 to 0.799)",
    "statistics instead of slices": "0.777 (0.746 to 0.809)",
}
STEPS = {
    "all steps": "all stages (default)",
    "no smoothing": "no smoothing",
    "no reference": "no reference",
    "all healthy slices instead of similar ones": "reference by position",
    "no symmetry": "no symmetry",
    "symmetry required": "symmetry required",
    "one scale": "one scale, 2 px before and after",
}
REACHED = {
    "all lesions": "lesion_reached",
    "subdural": "reached subdural",
    "isodense subdural": "reached subdural_isodense",
    "epidural": "reached epidural",
    "subarachnoid": "reached subarachnoid",
}
VERSIONS = {"version": "before"}, {"version": "after"}


def _stage(name: str) -> dict[str, str]:
    return {"detector": f"atlas: {name}", "kind": "all"}


def _changed(label: tuple[str, str], before: Form, now: Form) -> Part:
    return Part(label, form={"before": before, "now": now})


def _on_synthetic() -> list[Part]:
    """400 training pairs, before and now."""
    two = said("{:.3f} / {:.3f}", "auroc", "pixel_ap", bare=True)
    cross_modal = of("cross_modal", {"what": "default"}, two)
    lines = [_changed(("synthetic, 400 pairs", "cross-modal"), ".961 / .679 ‡", cross_modal)]
    for name, shown, before in (
        ("denoising", "autoencoder, denoising", ".934 / .691 ‡"),
        ("plain", "autoencoder, plain", ".845 / .487 ‡"),
        ("atlas", "atlas", ".814 / .463 ‡"),
    ):
        now = of("autoencoders", {"stage": WHOLE, "detector": name}, two)
        lines.append(_changed(("", shown), before, now))
    return lines


def _before_and_now() -> list[Part]:
    """Older figures come from older rows where there are some; those with ‡ are as printed."""
    lines = _on_synthetic()
    for data, figure in (
        ("real pairs, inside patients", "inside, mean"),
        ("real pairs, pooled", "pooled"),
    ):
        form = last("{:.3f}", figure, bare=True)
        for name, first in (("cross-modal", data), ("atlas", "")):
            where = {"detector": name, "slices": "all slices", "name": "masks of ea23c7c"}
            now = of("real_pairs", {"detector": name, "training": None}, form)
            lines.append(_changed((first, name), of("skull_base", where, form), now))
    archive = {"detector": "mismatch and within (default)", "training": "all slices"}
    inside = last("{:.2f}", "inside, mean", bare=True)
    interval = said("{:.2f} ({:.2f} to {:.2f})", "auroc", "low", "high", bare=True)
    return [
        *lines,
        _changed(
            ("real pairs, trained on all slices, inside patients", "cross-modal"),
            ".87 ‡",
            of("real_pairs", archive, inside),
        ),
        _changed(
            ("real CT alone, slices that show brain", "atlas"),
            ".62 (.49 to .75) ‡",
            of("kaggle_ct", {"detector": "atlas", "which": "brain"}, interval),
        ),
    ]


def _skull_base() -> list[Part]:
    """How many of the twenty top-ranked normal slices lie below the skull base."""
    old, new = {"name": "masks of ea23c7c"}, {"name": "after"}
    every, top = {"slices": "all slices"}, said("{:.0f}", "below skull base, top 20")
    inside = said("{:.3f}", "inside, mean", bare=True)
    return [
        Part("before", old | every, top),
        Part("now", new | every, top),
        Part("AUROC inside patients: all slices", new | every, inside),
        Part("marked slices left out of training and test", new | {"slices": "left out"}, inside),
    ]


SETS = [
    Part(f"{shown}, {severity}", {"units": units, "severity": severity})
    for shown, units in (("HU", "hu"), ("8 bit", "uint8"))
    for severity in ("mild", "moderate")
]

TABLES = {
    "map-scoring": Table(
        "map_scoring",
        "`CrossModalDetector`",
        [Part(k, {"setting": v, "detector": "cross-modal"}) for k, v in SETTINGS.items()],
        [
            Part(severity, {"severity": severity}, BOTH)
            for severity in ("mild", "moderate", "severe")
        ],
    ),
    "before-and-now": Table(
        "cross_modal", ("data", "detector"), _before_and_now(), [Part("before"), Part("now")]
    ),
    "brain-masks": Table(
        "brain_masks",
        "",
        [
            *(Part(label, form=change(figure, *VERSIONS)) for label, figure in REACHED.items()),
            Part(
                "bone (over 300 HU) among the pixels reached",
                form=change("bone_share_of_reach", *VERSIONS, template="{:.4f}"),
            ),
            Part("milliseconds a mask", form=change("ms", *VERSIONS, template="{:.1f}")),
        ],
        SETS,
    ),
    "skull-base": Table("skull_base", "", _skull_base(), DETECTORS),
    "ablation": Table(
        "ablation",
        "`AtlasDetector`",
        [
            Part(name, _stage(name), {"image AUROC (95 % interval) ‡": kept("image_auroc", text)})
            for name, text in ABLATION.items()
        ],
        [
            Part("image AUROC (95 % interval) ‡"),
            Part("pixel AP", form=said("{:.3f}", "pixel_ap")),
        ],
    ),
    "steps": Table(
        "ablation",
        "",
        [Part(label, _stage(name)) for label, name in STEPS.items()],
        [
            Part("image AUROC", form=said("{:.3f}", "image_auroc")),
            Part("pixel AP", form=said("{:.3f}", "pixel_ap")),
        ],
    ),
}
