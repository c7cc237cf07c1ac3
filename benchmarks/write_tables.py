"""Tables of the docs, written from the rows in `benchmarks/results`.

    python benchmarks/write_tables.py
    python benchmarks/write_tables.py --check

A table stands in a page between ``<!-- table NAME -->`` and ``<!-- end -->``. What is between them
is replaced, and so is each number of docs/findings.md (`findings.py`). ``--check`` changes
nothing, and fails where a page and the rows differ. Most tables are descriptions (`table_spec.py`)
in the modules ``*_tables.py``.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import beside_tables
import data_tables
import map_tables
import method_tables
import network_tables
import pandas as pd
import patient_tables
import phantom_tables
import plane_tables
import preset_tables
import real_tables
from finding_figures import FIGURES
from findings import filled, rows

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md"),
    *(page for folder in ("docs", "docs/guide") for page in sorted((ROOT / folder).glob("*.md"))),
]
BLOCK = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
PLACE = ["condition", "condition_level"]
ABOUT = ("threshold", "atlas", "cross-modal", "autoencoder", "deep-mahalanobis", "patch-memory")
"""Detectors that have a section of their own in docs/detectors.md."""
METHODS = {
    "deep-knn": (
        '`DeepFeatureDetector("knn")`',
        "nearest neighbours of what the other modality and similar slices don't explain of deep "
        "features",
    ),
    "deep-ocsvm": ('`DeepFeatureDetector("ocsvm")`', "One-Class SVM (PyOD) on the same features"),
    "deep-iforest": (
        '`DeepFeatureDetector("iforest")`',
        "Isolation Forest (PyOD) on the same features",
    ),
    "patch-memory": ("`PatchMemoryDetector`", "nearest remembered patches of the same place"),
    "cross-modal": (
        "`CrossModalDetector`",
        "each modality predicted from the other; the disagreement",
    ),
    "autoencoder": (
        "`ConvAutoencoderDetector`",
        "what a network that takes coarse noise away does not rebuild (torch through skorch)",
    ),
    "atlas": (
        "`AtlasDetector`",
        "intensities against the most similar healthy slices; nothing is trained",
    ),
    "atlas-position": (
        "`AtlasDetector`, per position",
        "the classical atlas z-score: the baseline to beat",
    ),
    "threshold": ("`ThresholdDetector`", "distance from the median: the dumbest baseline"),
}
"""Detectors of the README: how to write them, and their idea."""


def markdown(table: pd.DataFrame) -> str:
    """A table of texts; its index is the first column."""
    head = [str(table.index.name or ""), *map(str, table.columns)]
    lines = [head, ["---"] * len(head), *([str(i), *row] for i, row in table.iterrows())]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def three(value: float) -> str:
    """Three decimals; "-" for what is not known."""
    return "-" if pd.isna(value) else f"{value:.3f}"


def plain(kind: str = "all") -> pd.DataFrame:
    """Rows of the synthetic comparison without conditions, of one kind; best detector first."""
    table = rows("synthetic")
    table = table[(table["condition"].fillna("") == "")]
    order = table[(table["metric"] == "auroc") & (table["kind"] == "all")]
    best = order.groupby("detector")["value"].mean().sort_values(ascending=False)
    table = table.assign(detector=pd.Categorical(table["detector"], best.index, ordered=True))
    return table if kind == "each" else table[table["kind"] == kind]


def methods() -> str:
    """Image AUROC with its interval, and the figures that matter most beside it."""
    means = plain().groupby(["detector", "metric"], observed=True)[["value", "low", "high"]].mean()
    values = means["value"].unstack()  # noqa: PD010
    auroc = means.xs("auroc", level="metric")
    shown = {
        "image AUROC (95 % interval)": [
            f"{three(row.value)} ({three(row.low)} to {three(row.high)})"
            for row in auroc.itertuples()
        ],
        "pixel AP": values["pixel_ap"].map(three),
        "AUPRO": values["aupro"].map(three),
        "lesions found at 1 false positive a slice": values["lesion_sensitivity_at_1"].map(three),
        "Dice at the threshold (best)": [
            f"{three(at)} ({three(best)})"
            for at, best in zip(values["dice_at_threshold"], values["best_dice"], strict=True)
        ],
        "lesions' slices flagged": values["sensitivity"].map("{:.0%}".format),
        "healthy slices flagged (promised: 5 %)": values["false_positive_rate"].map(
            "{:.1%}".format
        ),
    }
    return markdown(pd.DataFrame(shown, index=auroc.index))


def readme() -> str:
    """The methods, the best first, with two figures each."""
    table = plain()
    means = table.groupby(["detector", "metric"], observed=True)["value"].mean().unstack()  # noqa: PD010
    names = [name for name in means.index if name in METHODS]
    shown = {
        "idea": [METHODS[name][1] for name in names],
        "image AUROC": means.loc[names, "auroc"].map(three).tolist(),
        "pixel AP": means.loc[names, "pixel_ap"].map(three).tolist(),
    }
    index = pd.Index([METHODS[name][0] for name in names], name="method")
    return markdown(pd.DataFrame(shown, index=index))


def kinds() -> str:
    """Image AUROC by kind."""
    table = plain("each")
    table = table[(table["metric"] == "auroc") & (table["kind"] != "all")]
    shown = table.pivot_table(index="kind", columns="detector", values="value", observed=True)
    return markdown(shown.map("{:.2f}".format))


def about(detector: str) -> str:
    """One detector in a sentence: two figures, and the kinds that it finds best and worst."""
    table = plain("each")
    table = table[table["detector"] == detector]
    means = table.groupby(["kind", "metric"], observed=True)["value"].mean()
    auroc = means.xs("auroc", level="metric").sort_values()
    worst, best = auroc.drop("all").index[:2], auroc.drop("all").index[:-3:-1]

    def named(kinds: pd.Index) -> str:
        return ", ".join(f"{kind.replace('_', ' ')} {auroc[kind]:.2f}" for kind in kinds)

    return (
        f"**Measured** (`{detector}`, synthetic): image AUROC {three(auroc['all'])}, pixel AP "
        f"{three(means['all', 'pixel_ap'])}. Found best: {named(best)}. Found worst: "
        f"{named(worst)}."
    )


def robustness() -> str:
    """Image AUROC under each condition; the first row is of samples as they are."""
    table = rows("robustness")
    table = table[(table["metric"] == "auroc") & (table["kind"] == "all")]
    table = table.assign(condition=table["condition"].fillna("").replace("", "as they are"))
    order = list(dict.fromkeys(zip(table["condition"], table["condition_level"], strict=True)))
    shown = table.pivot_table(index=PLACE, columns="detector", values="value")
    shown = shown.loc[order]
    names = [f"{name} {level:g}" if level else name for name, level in order]
    shown.index = pd.Index(names, name="condition, level")
    return markdown(shown.map(three))


def evaluation() -> str:
    """What `evaluate` takes."""
    last = rows("evaluation_speed").iloc[-1]
    return (
        f"{last['maps']:,} maps of {last['side']} x {last['side']} pixels: all figures with their "
        f"intervals in {last['seconds']:.0f} s, {last['MiB']:.0f} MiB of memory "
        f"(the store takes {last['store MiB']:.0f} MiB)."
    )


TABLES: dict[str, Callable[[], str]] = {
    "readme": readme,
    "methods": methods,
    "kinds": kinds,
    "robustness": robustness,
    "evaluation": evaluation,
    "neighbours": lambda: markdown(plane_tables.neighbours(rows("neighbours"))),
    "mutants": lambda: markdown(beside_tables.mutants(rows("mutants"))),
    "presets": lambda: markdown(preset_tables.beside_members(rows("synthetic"))),
    "patient-coverage": lambda: markdown(patient_tables.coverage(rows("patient_coverage"))),
    "patient-fit": lambda: markdown(patient_tables.of_fits(rows("patient_coverage"))),
    "again": lambda: markdown(beside_tables.again(rows("reproduced"))),
    "beside-old-commit": lambda: markdown(beside_tables.beside(rows("beside_old_commit"))),
    "model-size": lambda: markdown(beside_tables.sizes(rows("model_size"))),
    "exchangeable": lambda: markdown(patient_tables.exchangeable(rows("exchangeable"))),
    "planes-growth": lambda: markdown(plane_tables.growth(rows("many_planes"))),
    "planes-sequences": lambda: markdown(plane_tables.sequences(rows("sequences"))),
    "presets-readme": lambda: markdown(preset_tables.of_the_readme(rows("presets"))),
    "presets-400": lambda: markdown(preset_tables.with_400_pairs(rows("presets"))),
    "presets-kinds": lambda: markdown(preset_tables.by_kind(rows("presets"))),
    "presets-gains": lambda: markdown(preset_tables.gains(rows("presets"))),
    "presets-curves": lambda: markdown(preset_tables.curves(rows("preset_curves"))),
    "generic-bias": lambda: markdown(preset_tables.without_a_family(rows("generic_bias"))),
    "presets-real": lambda: markdown(preset_tables.on_real_pairs(rows("real_presets"))),
    **{f"about-{name}": partial(about, name) for name in ABOUT},
    **method_tables.TABLES,
    **network_tables.TABLES,
    **map_tables.TABLES,
    **real_tables.TABLES,
    **data_tables.TABLES,
    **phantom_tables.TABLES,
}


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check, old, used = parser.parse_args().check, [], set()
    for page in PAGES:
        before = page.read_text("utf-8")
        used |= {found[2] for found in BLOCK.finditer(before)}
        after = BLOCK.sub(lambda m: f"{m[1]}\n{TABLES[m[2]]()}\n\n{m[3]}", before)
        after = filled(after, FIGURES)
        if after != before:
            old.append(page.name)
            if not check:
                page.write_text(after, "utf-8")
    if unused := sorted(set(TABLES) - used):
        sys.exit(f"No page has the tables {', '.join(unused)}; expected each in one at least.")
    if check and old:
        sys.exit(
            f"{', '.join(old)}: tables differ from benchmarks/results; expected the same. Run "
            "python benchmarks/write_tables.py."
        )


if __name__ == "__main__":
    main()
