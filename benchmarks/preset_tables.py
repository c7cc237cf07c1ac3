"""The tables of the presets, for `write_tables.py`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from cross_modal import interval
from deep_features import kinds_table

from ctmri_detect.metrics import delong_test

PRESETS = ["fast", "balanced", "best"]
BEST = "cross-modal + 0.25 synthetic + 0.5 autoencoder"
REAL = {  # as `real_presets.py` names them
    "cross-modal": 'cross-modal ("fast")',
    "autoencoder": "autoencoder",
    "synthetic": "synthetic",
    "cross-modal + 0.5 autoencoder": '"balanced"',
    "cross-modal + 0.25 synthetic": "cross-modal + .25 synthetic",
    BEST: '"best"',
}


def beside_members(rows: pd.DataFrame) -> pd.DataFrame:
    """The presets beside their members, means over seeds."""
    order = ["cross-modal", "autoencoder", "synthetic", "balanced", "best"]
    table = rows[(rows["kind"] == "all") & rows["detector"].isin(order)]
    means = table.groupby(["detector", "metric"])[["value", "low", "high"]].mean()
    auroc = means.xs("auroc", level="metric").loc[order]
    values = means["value"].unstack().loc[order]  # noqa: PD010
    seeds = ", ".join(map(str, sorted(set(table["seed"]))))
    shown = {
        f"image AUROC (95 % interval), seeds {seeds}": [
            f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})" for row in auroc.itertuples()
        ],
        "pixel AP": values["pixel_ap"].map("{:.3f}".format),
        "lesions found at 1 false positive a slice": values["lesion_sensitivity_at_1"].map(
            "{:.3f}".format
        ),
        "healthy slices flagged": values["false_positive_rate"].map("{:.1%}".format),
    }
    return pd.DataFrame(shown, index=auroc.index)


def with_400_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Figures and costs of each preset, means over seeds."""
    found = {}
    for name, each in rows.groupby("what"):
        sets = {which: part.mean(numeric_only=True) for which, part in each.groupby("set")}
        moderate = each[each["set"] == "moderate"]
        mild, others = (
            f"{sets[which]['auroc']:.3f}, {sets[which]['pixel_ap']:.3f}"
            for which in ("mild", "other kinds")
        )
        found[name] = {
            "image AUROC (95 % interval)": f"{moderate['auroc'].mean():.3f} ({interval(moderate)})",
            "pixel AP": f"{moderate['pixel_ap'].mean():.3f}",
            "healthy slices flagged": f"{moderate['flagged'].mean():.1%}",
            "mild lesions: AUROC, pixel AP": mild,
            "the other ten kinds: AUROC, pixel AP": others,
            "fit, s": span(moderate["fit_seconds"]),
            "pairs a second": span(moderate["pairs_a_second"]),
            "memory, MiB": span(moderate["MiB"]),
        }
    return pd.DataFrame(found).T.loc[PRESETS].rename_axis("preset")


def of_the_readme(rows: pd.DataFrame) -> pd.DataFrame:
    """What each preset is made of, and what that is worth."""
    made_of = {
        "fast": "`CrossModalDetector`",
        "balanced": "it and `ConvAutoencoderDetector`",
        "best": "both and `SyntheticAnomalyDetector`",
    }
    moderate = rows[rows["set"] == "moderate"].groupby("what").mean(numeric_only=True)
    found = {
        f'`make_detector("{name}")`': {
            "made of": made_of[name],
            "image AUROC": f"{moderate.loc[name, 'auroc']:.3f}",
            "pixel AP": f"{moderate.loc[name, 'pixel_ap']:.3f}",
            "fit, s": f"{moderate.loc[name, 'fit_seconds']:.0f}",
        }
        for name in PRESETS
    }
    return pd.DataFrame(found).T.rename_axis("preset")


def curves(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC with its interval and pixel AP under each condition, a column a preset."""
    rows = rows[rows["kind"] == "all"].assign(condition=rows["condition"].fillna(""))
    found: dict[str, dict[str, str]] = {}
    for (condition, level, name), part in rows.groupby(
        ["condition", "condition_level", "detector"], sort=False
    ):
        of = part.set_index("metric")
        auroc, pixels = of.loc["auroc"], of.loc["pixel_ap", "value"]
        text = f"{auroc['value']:.3f} ({auroc['low']:.3f} to {auroc['high']:.3f}), {pixels:.2f}"
        where = f"{condition} {level:g}" if condition else "100 patients, as they are"
        found.setdefault(where, {})[name] = text
    return pd.DataFrame(found).T.rename_axis("condition, level")


def without_a_family(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC by kind of the detector that learned from all families of anomalies, or all but one."""
    table = rows.groupby("what", sort=False).mean(numeric_only=True).drop(columns="seed").T
    table.loc["mean"] = table.mean()
    return table.map("{:.2f}".format).rename_axis("kind")


def span(values: pd.Series) -> str:
    """The lowest and the highest."""
    return f"{values.min():.0f} to {values.max():.0f}"


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC of each kind and severity, means over seeds."""
    parts = [kinds_table(part).T[PRESETS] for _, part in rows.groupby("set", sort=False)]
    sets = list(rows.groupby("set", sort=False).groups)
    table = pd.concat(parts, keys=sets).map("{:.2f}".format)
    table.index = pd.Index([f"{kind}, {which}" for which, kind in table.index], name="kind, set")
    return table


def gains(rows: pd.DataFrame) -> pd.DataFrame:
    """Differences of AUROC between presets on moderate lesions, with DeLong's intervals."""
    found: dict[str, dict[str, str]] = {}
    for seed, part in rows[rows["set"] == "moderate"].groupby("seed"):
        of = part.set_index("what")
        target = np.where(np.array(of.loc["fast", "kind"]) == "normal", 1, -1)
        for one, other in (("balanced", "fast"), ("best", "balanced"), ("best", "fast")):
            scores = of.loc[one, "decision"], of.loc[other, "decision"]
            test = delong_test(target, *scores, groups=of.loc["fast", "patient"])
            low, high = test.interval
            text = f"{test.difference:.3f} ({low:.3f} to {high:.3f})"
            found.setdefault(f"{one} - {other}", {})[f"seed {seed}"] = text
    return pd.DataFrame(found).T.rename_axis("difference in AUROC (95 %)")


def on_real_pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """AUROC inside patients and on lesions put in, a row a combination, means over seeds."""
    known = rows[rows["detector"] == BEST].groupby("training")["seed"].unique()
    inside = [name for name in rows if name.startswith("inside case")]
    found = []
    for training, seeds in known.items():
        part = rows[(rows["training"] == training) & rows["seed"].isin(seeds)]
        for name, shown in REAL.items():
            each = part[part["detector"] == name].drop_duplicates("seed", keep="last")
            found.append(
                {
                    "trained on": f"{training}, {len(seeds)} seed{'s' * (len(seeds) > 1)}",
                    "members": shown,
                    **{c.removeprefix("inside "): f"{each[c].mean():.3f}" for c in inside},
                    "mean": f"{each['inside, mean'].mean():.3f}",
                    "mean, each seed": ", ".join(f"{v:.2f}" for v in each["inside, mean"]),
                    "lesions put in": f"{each['lesions put in'].mean():.3f}",
                    "difference to the best member": gain(each["put in - best member"]),
                }
            )
    return pd.DataFrame(found).set_index("trained on")


def gain(each: pd.Series) -> str:
    """Means over seeds of a difference and of the ends of its interval."""
    value, low, high = np.mean(each.tolist(), axis=0)
    return f"{value:.3f} ({low:.3f} to {high:.3f})"
