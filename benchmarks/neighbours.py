"""What neighbouring slices are worth, on phantom volumes of several slice spacings.

Run by hand; one row a seed, spacing, detector, and with or without neighbours:

    python benchmarks/neighbours.py --out benchmarks/results/neighbours.jsonl
    python benchmarks/neighbours.py --seeds 100 --smoothing-mm 4 6

Training scans are healthy; half of the test scans, of other heads, hold a lesion that goes through
all slices it reaches. Both rows are of one fitted detector. The score of a patient is that of the
most anomalous slice. Pixel AP is measured on the images' own grid. Seeds 0 to 2 are for publishing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from run_synthetic import commit
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from ctmri_detect import AtlasDetector, ConvAutoencoderDetector, CrossModalDetector, VolumeDetector
from ctmri_detect.datasets import load_volume_pairs, make_phantom_volumes
from ctmri_detect.localization import detect
from ctmri_detect.metrics import anomaly_map_average_precision_score
from ctmri_detect.preprocessing import make_preprocessor

HEADS = {1.0: (5, 8), 3.0: (8, 14), 5.0: (12, 20)}
"""Of training and test, for each spacing in mm."""
DETECTORS = {
    "atlas": lambda seed: AtlasDetector(),
    "cross-modal": lambda seed: CrossModalDetector(random_state=seed),
    "autoencoder": lambda seed: ConvAutoencoderDetector(random_state=seed),
}


def volumes(n: int, spacing: float, seed: int, lesions: float, folder: Path) -> Bunch:
    """Phantom volumes, loaded from the folder, where they are made once."""
    own = folder / f"{seed}-{spacing:g}-{n}"
    if not own.exists():
        making = folder / f"making-{own.name}"
        make_phantom_volumes(
            making,
            n,
            size=128,
            slice_spacing=spacing,
            anomalous_fraction=lesions,
            random_state=seed,
        )
        making.rename(own)
    return load_volume_pairs(own)


def figures(model: Any, data: Bunch) -> dict[str, float]:
    """Of slices, pixels and patients."""
    start = time.perf_counter()
    found = detect(model, data.data, include=["anomaly_score", "prediction", "anomaly_map"])
    seconds = time.perf_counter() - start
    odd = data.target == -1
    patients = pd.DataFrame({"score": found.anomaly_score, "odd": odd}).groupby(data.groups).max()
    healthy = ~patients["odd"].loc[data.groups].to_numpy()
    return {
        "image_auroc": roc_auc_score(odd, found.anomaly_score),
        "pixel_ap": anomaly_map_average_precision_score(data.masks, found.anomaly_map),
        "patient_auroc": roc_auc_score(patients["odd"], patients["score"]),
        "flagged_in_healthy_scans": float((found.prediction[healthy] == -1).mean()),
        "score_seconds": seconds,
    }


def rows(
    seed: int, spacing: float, names: list[str], widths: list[float], folder: Path
) -> Iterator[dict[str, Any]]:
    """With and without neighbours."""
    n_train, n_test = HEADS[spacing]
    train = volumes(n_train, spacing, seed, 0.0, folder)
    test = volumes(n_test, spacing, seed + 5000, 0.5, folder)
    here, step = commit(), make_preprocessor("hu")
    X = step.fit_transform(train.data)
    for name in names:
        for k, width in enumerate(widths):
            start = time.perf_counter()
            detector = VolumeDetector(DETECTORS[name](seed), smoothing_mm=width).fit(X)
            about = {
                "seed": seed,
                "spacing_mm": spacing,
                "detector": name,
                "lesion_slices": int((test.target == -1).sum()),
                "slices": len(test.target),
                "fit_seconds": time.perf_counter() - start,
                "commit": here,
            }
            if k == 0:
                alone = figures(make_pipeline(step, detector.detector_), test)
                yield {**about, "smoothing_mm": 0.0, **alone}
            yield {**about, "smoothing_mm": width, **figures(make_pipeline(step, detector), test)}


def main() -> None:
    """Measure, print, append."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--spacings", type=float, nargs="+", default=[5.0, 3.0, 1.0])
    parser.add_argument("--detectors", nargs="+", default=list(DETECTORS))
    default = VolumeDetector(AtlasDetector()).smoothing_mm
    parser.add_argument("--smoothing-mm", type=float, nargs="+", default=[default])
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--volumes", type=Path, default=None, help="where volumes are kept")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # some slices show little brain
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.volumes or Path(temporary)
        asked = arguments.detectors, arguments.smoothing_mm, folder
        for seed, spacing in product(arguments.seeds, arguments.spacings):
            for row in rows(seed, spacing, *asked):
                row = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
                print(row, flush=True)
                if arguments.out:
                    with arguments.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
