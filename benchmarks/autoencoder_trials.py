"""How the denoising autoencoder is trained: noise, averages over draws, a choice without labels.

Run by hand, with one thread; prints the tables of docs/trials.md ("Training of the autoencoder"):

    python benchmarks/autoencoder_trials.py --folder trials --fit coarse blobs both --others
    python benchmarks/autoencoder_trials.py --folder trials --draws trials/coarse-20-20.pt
    python benchmarks/autoencoder_trials.py --folder trials --report

Development phantoms: 400 healthy slices of 50 subjects (seed 130) train, 360 slices of 45 subjects
a seed (131 to choose, 132 to check) test, half of them with a lesion. `--fit` trains once for each
noise, keeps the weights of some epochs in the folder, and then calibrates and scores with each of
them; `--others` does so with detectors to compare with. `--report` reads what is there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cross_modal import Test
from deep_features import by_kind
from skorch.callbacks import Callback
from torch import Tensor

from ctmri_detect import (
    AtlasDetector,
    ConvAutoencoderDetector,
    CrossModalDetector,
    ThresholdDetector,
)
from ctmri_detect.datasets import make_phantom_pairs
from ctmri_detect.metrics import (
    anomaly_map_average_precision_score,
    delong_test,
)
from ctmri_detect.metrics import decision_roc_auc_score as area
from ctmri_detect.networks import denoising
from ctmri_detect.preprocessing import make_preprocessor
from ctmri_detect.scoring.evidence import pool_top

TRAIN, TESTS = 130, (131, 132)
KEPT = (3, 5, 8, 10, 12, 15)  # epochs, and the last one
DRAWS = ((4, 0.3), (4, 1.0))  # how many, and their SD
COARSE = denoising.coarse_noise


def smooth_field(like: Tensor, radius: Tensor) -> Tensor:
    """Gaussian noise of variance 1, smoothed by a Gaussian of this SD: ``(n, planes, h, w)``."""
    height, width = like.shape[-2:]
    rows = torch.fft.fftfreq(height, dtype=like.dtype)[:, None]
    columns = torch.fft.rfftfreq(width, dtype=like.dtype)
    kernel = torch.exp(-2 * (torch.pi * radius) ** 2 * (rows**2 + columns**2))
    noise = torch.fft.irfft2(torch.fft.rfft2(torch.randn_like(like)) * kernel, s=(height, width))
    return noise / torch.fft.irfft2(kernel**2, s=(height, width))[..., :1, :1].sqrt()


def blobs(like: Tensor) -> Tensor:
    """Blobs of many sizes and shapes: ``g1 max(g2 - t, 0)^p`` with smooth fields g1 and g2."""
    a, b, t, p = torch.rand(4, *like.shape[:2], 1, 1, dtype=like.dtype)
    first, second = smooth_field(like, 1 + 16 * a), smooth_field(like, 1 + 16 * b)
    above = (second - 2 * t).clamp(min=0)
    return first * torch.where(above > 0, above.clamp(min=1e-6) ** (0.01 + 2 * p), 0)


def both(like: Tensor) -> Tensor:
    """Coarse noise or blobs, for each sample one of them."""
    which = torch.rand(len(like), dtype=like.dtype)[:, None, None, None] < 0.5
    return torch.where(which, COARSE(like), blobs(like))


NOISES: dict[str, Callable[[Tensor], Tensor]] = {"coarse": COARSE, "blobs": blobs, "both": both}


class KeepWeights(Callback):
    """Write the weights after some epochs."""

    def __init__(self, start: str) -> None:
        self.start = start

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """One file an epoch."""
        epoch = len(net.history)
        if epoch in KEPT or epoch == net.max_epochs:
            torch.save(net.module.state_dict(), f"{self.start}-{epoch:02d}.pt")


def with_weights(path: Path, draws: int = 0, level: float = 0.0) -> ConvAutoencoderDetector:
    """A detector whose fit takes these weights; it is calibrated as if it had trained them.

    With `draws`, a sample is rebuilt from as many copies with noise of SD `level`, and the means
    and log-variances are averaged; the noise is the same for every sample.
    """

    class Trained(ConvAutoencoderDetector):
        def _fit(self, X: Any) -> None:
            self.device_ = "cpu"
            self.network_ = self._design.build(X.shape[1:]).eval()
            self.network_.load_state_dict(torch.load(path, weights_only=True))
            if draws:
                generator = torch.Generator().manual_seed(TRAIN)
                shape = max(draws // 2, 1), X.shape[1], denoising.NOISE_GRID, denoising.NOISE_GRID
                grid = torch.randn(shape, generator=generator)
                half = torch.nn.functional.interpolate(
                    level * grid, size=X.shape[2:], mode="bilinear", align_corners=False
                )
                noises, plain = torch.cat([half, -half])[:draws], self.network_.reconstruct
                self.network_.reconstruct = lambda z, seen: torch.stack(
                    [plain(z + seen * noise, seen) for noise in noises]
                ).mean(dim=0)

    return Trained(random_state=TRAIN)


def data(seed: int, healthy: bool) -> Any:
    """Phantom pairs."""
    size, share = (50, 0.0) if healthy else (45, 0.5)
    return make_phantom_pairs(size, 8, anomalous_fraction=share, random_state=seed)


def scored(name: str, detector: Any, tests: dict[int, Test], folder: Path) -> None:
    """Keep scores, evidence and figures of a fitted detector."""
    kept: dict[str, Any] = {
        "healthy": detector.map_scoring_.calibration_scores_,
        "healthy_patients": detector.map_scoring_.calibration_groups_,
    }
    for seed, test in tests.items():
        start = time.process_time()
        found = detector.detect(test.X, include=("anomaly_score", "anomaly_map"))
        seconds, maps = time.process_time() - start, found.anomaly_map
        for (_, step), before in zip(test.step.steps[::-1], test.inputs[::-1], strict=True):
            if hasattr(step, "inverse_transform_map"):
                maps = step.inverse_transform_map(maps, before)
        pixels = anomaly_map_average_precision_score(test.data.masks, maps.astype(np.float16))
        kept |= {
            f"seconds{seed}": seconds,
            f"scores{seed}": -np.asarray(found.anomaly_score),
            f"evidence{seed}": found.anomaly_map**2,
            f"target{seed}": test.data.target,
            f"kind{seed}": test.data.frame["kind"].to_numpy().astype(str),
            f"patients{seed}": np.asarray(test.data.groups).astype(str),
            f"pixel_ap{seed}": pixels,
        }
        auroc = area(test.data.target, kept[f"scores{seed}"])
        print(f"{name} on {seed}: {auroc:.4f} {pixels:.4f}, {seconds:.0f} s", flush=True)
    np.savez(folder / f"{name}.npz", **kept)


def fit(noise: str, epochs: int, train: Any, folder: Path) -> list[Path]:
    """Train once; the files of the weights."""
    denoising.coarse_noise = NOISES[noise]
    start = f"{folder}/{noise}-{epochs}"
    training = ConvAutoencoderDetector()._default_training()
    training.set_params(max_epochs=epochs, callbacks=[KeepWeights(start)])
    seconds = time.process_time()
    ConvAutoencoderDetector(training=training, random_state=TRAIN).fit(train)
    print(noise, epochs, "epochs", round(time.process_time() - seconds), "s", flush=True)
    return sorted(folder.glob(f"{noise}-{epochs}-*.pt"))


def report(folder: Path) -> None:
    """A row for each file, alone and with the cross-modal detector; then what labels would say."""
    files = {path.stem: dict(np.load(path)) for path in sorted(folder.glob("*.npz"))}
    other = files["cross-modal"]
    print("| network | AUROC / worst kind | pixel AP | with cross-modal | unlabelled |")
    for name, one in files.items():
        for seed in TESTS:
            if f"scores{seed}" not in one:
                continue
            target, kind = one[f"target{seed}"], one[f"kind{seed}"]
            cells = [figures(one[f"scores{seed}"], target, kind), f"{one[f'pixel_ap{seed}']:.3f}"]
            cells += [
                figures(added(other, one, seed), target, kind),
                f"{unlabelled(one, seed):.3f}",
            ]
            print(f"| {name} on {seed} | {' | '.join(cells)} |")
    for noise in ("blobs", "both"):
        pair = [files[f"{each}-20-20"] for each in (noise, "coarse")]
        patients = np.concatenate([[f"{s}-{p}" for p in pair[0][f"patients{s}"]] for s in TESTS])
        target = np.concatenate([pair[0][f"target{s}"] for s in TESTS])
        for how, of in (("alone", lambda one, s: one[f"scores{s}"]),
                        ("added", lambda one, s: added(other, one, s))):  # fmt: skip
            decisions = [np.concatenate([of(one, s) for s in TESTS]) for one in pair]
            print(noise, "- coarse,", how, delong_test(target, *decisions, patients))
    epochs = [one for name, one in files.items() if name.startswith("coarse-20")]
    whole = [*epochs, files["atlas"], files["threshold"]]
    for what, some in (("epochs", epochs), ("epochs, atlas, threshold", whole)):
        for seed in TESTS:
            true = [area(one[f"target{seed}"], one[f"scores{seed}"]) for one in some]
            for every, share in ((1, 50), (4, 20), (18, 5)):
                guess = [unlabelled(one, seed, every) for one in some]
                r = np.corrcoef(true, guess)[0, 1]
                print(f"{what} on {seed}, {share} % anomalies: r = {r:.2f}")


def added(other: dict[str, Any], one: dict[str, Any], seed: int) -> np.ndarray:
    """Decisions of the sum with the cross-modal detector, as in "balanced"."""
    return -pool_top(other[f"evidence{seed}"] + 0.5 * one[f"evidence{seed}"], 0.005)


def figures(scores: np.ndarray, target: np.ndarray, kind: np.ndarray) -> str:
    """AUROC / that of the worst kind."""
    worst = min(by_kind(scores, kind).items(), key=lambda one: one[1])
    return f"{area(target, scores):.3f} / {worst[1]:.2f} {worst[0]}"


def unlabelled(one: dict[str, Any], seed: int, every: int = 1) -> float:
    """Held-out slices of the training set against all slices, of the anomalous ones a part."""
    healthy, anomalous = one["healthy"], one[f"target{seed}"] == -1
    scores = one[f"scores{seed}"][~anomalous | (np.cumsum(anomalous) % every == 0)]
    target = np.repeat([1, -1], [len(healthy), len(scores)])
    return area(target, np.concatenate([healthy, scores]))


def main() -> None:
    """Train, score, or print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("trials"))
    parser.add_argument("--fit", nargs="*", default=[], choices=list(NOISES))
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--others", action="store_true")
    parser.add_argument("--draws", type=Path, help="weights to score with averages over draws")
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    if arguments.report:
        return report(arguments.folder)
    folder = arguments.folder
    folder.mkdir(exist_ok=True)
    train = make_preprocessor("hu", size=128).fit_transform(data(TRAIN, healthy=True).data)
    tests = {seed: data(seed, healthy=False) for seed in TESTS}
    tests = {seed: Test(test, np.asarray(test.data)) for seed, test in tests.items()}
    named = {"cross-modal": CrossModalDetector(random_state=TRAIN), "atlas": AtlasDetector()}
    named["threshold"] = ThresholdDetector()
    for name, detector in named.items() if arguments.others else ():
        scored(name, detector.fit(train), tests, folder)
    for noise in arguments.fit:
        for path in fit(noise, arguments.epochs, train, folder):
            scored(path.stem, with_weights(path).fit(train), tests, folder)
    for draws, level in DRAWS if arguments.draws else ():
        name = f"draws-{draws}-{level}-{arguments.draws.stem}"
        scored(name, with_weights(arguments.draws, draws, level).fit(train), tests, folder)
    return None


if __name__ == "__main__":
    main()
