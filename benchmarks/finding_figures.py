"""Which rows each number of docs/findings.md comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from findings import Figure, percent, score, thousandths, whole
from preset_tables import by_kind


def _kinds(found: pd.DataFrame) -> pd.DataFrame:
    """AUROC by kind: one row a kind and set, one column a preset."""
    return by_kind(found).reset_index(names="kind and set")


def _auroc(file: str, *, form: Callable[[float], str] = score, **where: Any) -> Figure:
    where = {"condition": "", "kind": "all", "metric": "auroc"} | where
    return Figure(file, "value", where, form)


def _preset(name: str, column: str, which: str = "moderate", **more: Any) -> Figure:
    return Figure("presets", column, {"what": name, "set": which}, **more)


def _preset_kind(name: str, kind: str, which: str = "moderate") -> Figure:
    return Figure("presets", name, {"kind and set": f"{kind}, {which}"}, table=_kinds)


def _curve(name: str, condition: str, level: float, metric: str = "auroc", **more: Any) -> Figure:
    where = {"detector": name, "condition": condition, "condition_level": level}
    return Figure("preset_curves", "value", {"kind": "all", "metric": metric} | where, **more)


def _changed(name: str, condition: str, level: float) -> Figure:
    where = {"detector": name, "condition": condition, "condition_level": level}
    return _auroc("robustness", **where)


def _last_run(found: pd.DataFrame) -> pd.DataFrame:
    """Of rows that were made again, the last."""
    return found.drop_duplicates(["detector", "training", "seed"], keep="last")


def _real(name: str, training: str = "normal slices", column: str = "inside, mean") -> Figure:
    where = {"detector": name, "training": training}
    return Figure("real_presets", column, where, table=_last_run)


def _ct(name: str, column: str = "auroc", which: str = "brain") -> Figure:
    return Figure("kaggle_ct", column, {"detector": name, "which": which})


def _stage(name: str, column: str = "image_auroc") -> Figure:
    return Figure("ablation", column, {"detector": f"atlas: {name}", "kind": "all"})


def _autoencoder(objective: str, stage: str, column: str = "auroc") -> Figure:
    return Figure("autoencoders", column, {"detector": objective, "stage": stage})


def _deep(what: str, column: str = "auroc") -> Figure:
    return Figure("deep_features", column, {"what": what})


def _cross(what: str, column: str = "auroc", **more: Any) -> Figure:
    return Figure("cross_modal", column, {"what": what}, **more)


def _sequences(planes: str, missing: int = 0, column: str = "auroc") -> Figure:
    return Figure("sequences", column, {"planes": planes, "missing": missing})


_BEST = "cross-modal + 0.25 synthetic + 0.5 autoencoder"
_WHOLE = "smoothed, reference, symmetry"

FIGURES: dict[str, Figure] = {
    # presets, 96 training slices
    "synthetic-map": _auroc("synthetic", detector="synthetic", metric="pixel_ap"),
    "balanced-96": _auroc("synthetic", detector="balanced"),
    "best-96": _auroc("synthetic", detector="best"),
    # presets, 400 training pairs
    "fast": _preset("fast", "auroc"),
    "balanced": _preset("balanced", "auroc"),
    "best": _preset("best", "auroc"),
    "fast-map": _preset("fast", "pixel_ap"),
    "balanced-map": _preset("balanced", "pixel_ap"),
    "best-map": _preset("best", "pixel_ap"),
    "fast-mild": _preset("fast", "auroc", "mild"),
    "best-mild": _preset("best", "auroc", "mild"),
    "best-mild-map": _preset("best", "pixel_ap", "mild"),
    "fast-fit": _preset("fast", "fit_seconds", form=whole),
    "balanced-fit": _preset("balanced", "fit_seconds", form=whole),
    "best-fit": _preset("best", "fit_seconds", form=whole),
    "fast-rate": _preset("fast", "pairs_a_second", form=whole),
    "balanced-rate": _preset("balanced", "pairs_a_second", form=whole),
    "best-rate": _preset("best", "pairs_a_second", form=whole),
    "fast-tumour": _preset_kind("fast", "tumour"),
    "best-tumour": _preset_kind("best", "tumour"),
    "fast-subacute": _preset_kind("fast", "infarct_subacute"),
    "best-subacute": _preset_kind("best", "infarct_subacute"),
    "best-chronic": _preset_kind("best", "infarct_chronic", "other kinds"),
    "best-ghosting": _preset_kind("best", "motion_ghosting", "other kinds"),
    "best-mild-isodense": _preset_kind("best", "subdural_isodense", "mild"),
    "best-mild-haematoma": _preset_kind("best", "haematoma", "mild"),
    # all methods, 96 training slices
    "memory": _auroc("synthetic", detector="patch-memory"),
    "ocsvm": _auroc("synthetic", detector="deep-ocsvm"),
    "iforest": _auroc("synthetic", detector="deep-iforest"),
    "cross-modal": _auroc("synthetic", detector="cross-modal"),
    "autoencoder": _auroc("synthetic", detector="autoencoder"),
    "autoencoder-map": _auroc("synthetic", detector="autoencoder", metric="pixel_ap"),
    "cross-modal-map": _auroc("synthetic", detector="cross-modal", metric="pixel_ap"),
    "sensitivity": _auroc(
        "synthetic", detector="patch-memory", metric="sensitivity", form=percent
    ),
    "specificity": _auroc(
        "synthetic", detector="patch-memory", metric="false_positive_rate", form=percent
    ),
    "latent": _auroc("synthetic", detector="latent"),
    "atlas": _auroc("synthetic", detector="atlas"),
    "threshold": _auroc("synthetic", detector="threshold"),
    "cm-calcification": _auroc("synthetic", detector="cross-modal", kind="calcification"),
    "ae-isodense": _auroc("synthetic", detector="autoencoder", kind="subdural_isodense"),
    "cm-isodense": _auroc("synthetic", detector="cross-modal", kind="subdural_isodense"),
    "memory-tumour": _auroc("synthetic", detector="patch-memory", kind="tumour"),
    "cm-tumour": _auroc("synthetic", detector="cross-modal", kind="tumour"),
    "atlas-early": _auroc("synthetic", detector="atlas", kind="infarct_early"),
    "memory-early": _auroc("synthetic", detector="patch-memory", kind="infarct_early"),
    # what the parts are worth
    "mismatch": _cross("mismatch alone"),
    "within": _cross("within alone"),
    "both": _cross("default"),
    "both-fine": _cross("default", form=thousandths),
    "all-evidence": _cross("all three", form=thousandths),
    "no-symmetry": _cross("default, without MapScoring's symmetry", form=thousandths),
    "symmetry-required-map": _cross("default, symmetry required", "pixel_ap"),
    "default-map": _cross("default", "pixel_ap"),
    "unconditioned": _deep("raw"),
    "conditioned-plane": _deep("planes"),
    "conditioned-similar": _deep("similar"),
    "conditioned-both": _deep("planes and similar"),
    "conditioned-smoothed": _deep("mahalanobis"),
    "deep-ct": _deep("mahalanobis", "auroc CT alone"),
    "atlas-ct": _deep("atlas", "auroc CT alone"),
    "plain-bare": _autoencoder("plain", "absolute residual"),
    "plain-whole": _autoencoder("plain", _WHOLE),
    "denoising-bare": _autoencoder("denoising", "absolute residual"),
    "denoising-whole": _autoencoder("denoising", _WHOLE),
    "atlas-whole": _autoencoder("atlas", _WHOLE),
    "stages": _stage("all stages (default)"),
    "stages-no-smoothing": _stage("no smoothing"),
    "stages-no-reference": _stage("no reference"),
    "stages-no-symmetry": _stage("no symmetry"),
    "two-planes": _sequences("CT + T2"),
    "three-planes": _sequences("CT + T2 + FLAIR"),
    "four-planes": _sequences("CT + T1 + T2 + FLAIR"),
    "two-planes-map": _sequences("CT + T2", column="pixel_ap"),
    "three-planes-map": _sequences("CT + T2 + FLAIR", column="pixel_ap"),
    "two-planes-lost": _sequences("CT + T2", 1),
    "three-planes-lost": _sequences("CT + T2 + FLAIR", 1),
    # conditions
    "patients-6": _curve("fast", "training patients", 6),
    "patients-25": _curve("fast", "training patients", 25),
    "patients-100": _curve("fast", "", 0),
    "contamination": _curve("fast", "contamination", 0.2),
    "contamination-balanced": _curve("balanced", "contamination", 0.4),
    "balanced-100": _curve("balanced", "", 0),
    "moved-2": _curve("fast", "misregistration", 2),
    "moved-4": _curve("fast", "misregistration", 4),
    "moved-8": _curve("fast", "misregistration", 8),
    "moved-8-flagged": _curve(
        "balanced", "misregistration", 8, "false_positive_rate", form=percent
    ),
    "no-ct": _changed("cross-modal", "without CT", 1),
    "no-mri": _changed("cross-modal", "without MRI", 1),
    "no-mri-atlas": _changed("atlas", "without MRI", 1),
    "bias": _changed("cross-modal", "bias field", 0.4),
    "as-they-are": _changed("cross-modal", "", 0),
    # real images
    "real-fast": _real("cross-modal"),
    "real-balanced": _real("cross-modal + 0.5 autoencoder"),
    "real-best": _real(_BEST),
    "real-fast-all": _real("cross-modal", "all slices"),
    "real-best-all": _real(_BEST, "all slices"),
    "real-synthetic": _real("synthetic"),
    "real-put-in": _real(_BEST, column="lesions put in"),
    "ct-synthetic": _ct("synthetic, planes"),
    "ct-low": _ct("synthetic, planes", "low"),
    "ct-high": _ct("synthetic, planes", "high"),
    "ct-control": _ct("control: brain area"),
    "ct-control-all": _ct("control: brain area", which="all"),
    # decisions
    "patients-slices": Figure(
        "patient_coverage", "mean", {"detector": "cross-modal", "way": "slices"}, percent
    ),
    "patients-exact": Figure(
        "patient_coverage", "mean", {"detector": "cross-modal", "way": "recalibrate",
                                     "healthy_patients": 200}, percent,
    ),
    "patients-spread": Figure(
        "patient_coverage", "p95", {"detector": "cross-modal", "way": "recalibrate",
                                    "healthy_patients": 20}, percent,
    ),
    "scanner-flair": Figure(
        "exchangeable", "called_before", {"scanner": "FLAIR"}, percent
    ),
    "scanner-flair-after": Figure(
        "exchangeable", "called_after", {"scanner": "FLAIR"}, percent
    ),
    "scanner-false": Figure("exchangeable", "alarms_0.05", {"scanner": "the same"}, percent),
    "scanner-bias": Figure("exchangeable", "alarms_0.05", {"scanner": "bias field, .3"}, percent),
}  # fmt: skip
