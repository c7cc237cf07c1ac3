"""What the brain mask keeps of lesions and of bone, and what it costs.

Run by hand; prints a table and appends JSON lines:

    python benchmarks/brain_masks.py --version after --out benchmarks/results/brain_masks.jsonl

It uses only names that older commits have too: with PYTHONPATH at an older checkout it measures
that one (``--version before``). Every slice of the phantom has a lesion that lies in a place, all
kinds in turn. An 8-bit brain window (0 to 80 HU, JPEG) of the same slices is measured too.
Bone is what is over 300 HU; time is the process's own time on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.imageops.brainmask import brain_mask
from ctmri_detect.synthesis import anomaly_kinds

BONE = 300.0


def window(ct: NDArray[np.floating]) -> NDArray[np.float32]:
    """The slice as it comes from an export: 0 to 80 HU as 0 to 255, JPEG."""
    grey = np.round(np.clip(ct / 80 * 255, 0, 255)).astype(np.uint8)
    _, coded = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 90])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), dtype=np.float32)


def reached(ct: NDArray[np.floating], units: str) -> NDArray[np.bool_]:
    """Where maps of a Pipeline have values; in older commits, where the mask is."""
    try:
        return brain_mask(ct, units, to_inner_table=True)
    except TypeError:
        return brain_mask(ct, units)


def measure(seed: int, severity: str, n_subjects: int, units: str) -> dict[str, object]:
    """One row: shares of lesion pixels inside by kind, of bone inside, and milliseconds."""
    data = make_phantom_pairs(
        n_subjects,
        6,
        kinds=anomaly_kinds(),
        anomalous_fraction=1.0,
        severity=severity,
        random_state=seed,
        n_jobs=2,
    )
    ct = [np.asarray(pair)[0] for pair in data.data]
    shown = ct if units == "hu" else [window(slice_) for slice_ in ct]
    brain_mask(shown[0], units)
    start = time.process_time()
    brains = [brain_mask(slice_, units) for slice_ in shown]
    milliseconds = (time.process_time() - start) / len(ct) * 1000
    reach = [reached(slice_, units) for slice_ in shown]
    counts = pd.DataFrame(
        {
            "kind": data.frame["kind"].to_numpy(),
            "lesion": data.masks.sum(axis=(1, 2)),
            "inside": [int((m & b).sum()) for m, b in zip(data.masks, brains, strict=True)],
            "reached": [int((m & b).sum()) for m, b in zip(data.masks, reach, strict=True)],
        }
    )
    sums = counts[counts["lesion"] > 0].groupby("kind").sum()
    bone = sum(int((b & (slice_ > BONE)).sum()) for b, slice_ in zip(reach, ct, strict=True))
    return {
        "seed": seed,
        "severity": severity,
        "units": units,
        "n": len(ct),
        "lesion_inside": round(float(sums["inside"].sum() / sums["lesion"].sum()), 4),
        "lesion_reached": round(float(sums["reached"].sum() / sums["lesion"].sum()), 4),
        **{f"reached {k}": round(float(r["reached"] / r["lesion"]), 4) for k, r in sums.iterrows()},
        **{f"inside {k}": round(float(r["inside"] / r["lesion"]), 4) for k, r in sums.iterrows()},
        "bone_share_of_reach": round(bone / max(1, sum(int(b.sum()) for b in reach)), 5),
        "empty_masks": sum(not b.any() for b in brains),
        "ms": round(milliseconds, 2),
    }


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--severities", default="mild,moderate")
    parser.add_argument("--subjects", type=int, default=24)
    parser.add_argument("--version", required=True, help="'before', 'after' or a commit")
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [
        {"version": arguments.version, **measure(seed, severity, arguments.subjects, units)}
        for severity in arguments.severities.split(",")
        for seed in map(int, arguments.seeds.split(","))
        for units in ("hu", "uint8")
    ]
    means = pd.DataFrame(rows).groupby(["version", "severity", "units"]).mean(numeric_only=True)
    print(means.drop(columns=["seed", "n"]).T.round(4).to_markdown())
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


if __name__ == "__main__":
    main()
