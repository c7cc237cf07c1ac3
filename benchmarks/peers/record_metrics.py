"""What anomalib's AUPRO and AUPIMO and MONAI's FROC say of small maps: recorded for our tests.

Runs in anomalib's environment (README.md beside this file) with MONAI added, not in ours:

    anomalib-env/bin/pip install monai
    anomalib-env/bin/python benchmarks/peers/record_metrics.py tests/metrics/recorded.json
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

_LIBRARY = torch.library.Library("torchvision", "DEF")  # torchvision asks for them at its import
_LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
_LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from anomalib.metrics.aupro import _AUPRO  # noqa: E402
from anomalib.metrics.pimo.functional import aupimo_scores  # noqa: E402
from monai.metrics import compute_froc_curve_data  # noqa: E402

sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))

from toy_maps import spikes, toy  # noqa: E402


def froc(masks: np.ndarray, maps: np.ndarray) -> dict[str, Any]:
    """MONAI's curve; a lesion is hit by its highest peak."""
    from scipy.ndimage import label

    false: list[float] = []
    hit: list[float] = []
    targets = 0
    for mask, plane in zip(masks, maps, strict=True):
        labels, n = label(mask, np.ones((3, 3)))
        targets += n
        false += plane[(plane > 0) & ~mask].tolist()
        best = [plane[labels == k].max() for k in range(1, n + 1)]
        hit += [float(value) for value in best if value > 0]
    curve = compute_froc_curve_data(np.array(false), np.array(hit), targets, len(masks))
    names = ("false_positives", "sensitivity")
    return {name: values[::8].tolist() for name, values in zip(names, curve, strict=True)}


def main() -> None:
    """Measure and write."""
    masks, maps = toy()
    aupro = {}
    for limit in (0.05, 0.3, 1.0):
        metric = _AUPRO(fpr_limit=limit)
        metric.update(torch.from_numpy(maps), torch.from_numpy(masks.astype(np.int64)))
        aupro[str(limit)] = float(metric.compute())
    scores = aupimo_scores(
        torch.from_numpy(maps), torch.from_numpy(masks), num_thresholds=300_000,
        fpr_bounds=(1e-3, 1e-1), force=True,
    )  # fmt: skip
    found = {
        "aupro": aupro,
        "aupimo": [None if np.isnan(s) else float(s) for s in scores[4].tolist()],
        "froc": froc(masks, spikes(masks)),
        "versions": {name: version(name) for name in ("anomalib", "monai", "torch", "numpy")},
    }
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
