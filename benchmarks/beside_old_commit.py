"""The command and a fitted model beside those of an older commit, in one run.

Run by hand; takes two source trees, and appends JSON lines:

    git worktree add ../old base0
    python benchmarks/beside_old_commit.py --old ../old --out rows.jsonl

Each measurement is a process of its own, and the trees take turns, so that what else the machine
does meets both. Times are medians over `--repeats`: seconds of the processor (all threads of the
process) and of the clock. Memory is the peak of the anonymous resident memory, looked at from
outside, once.

- ``fit``: ``ctmri-detect fit`` of 400 phantom pairs of 256 x 256 pixels; ``model``: the file.
- ``score, start``: what ``ctmri-detect score`` takes whatever the folder holds, 10 overlays too.
- ``score, a pair``: what each pair more takes, files in and scores.csv out.
- ``explain, a pair``: `ctmri_detect.explain` of 64 pairs in memory.
- ``score, memory``: of folders of two sizes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parents[1]
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENT = ["--patient", r"(p\d+)_", "--quiet"]
KINDS = {"npy": (256, 0), "png": (512, 1)}
"""Form of the files: side in pixels; 1 where the CT is an 8-bit window."""
EXPLAIN = """
import sys, time
from ctmri_detect import explain
from ctmri_detect.datasets import load_pairs
from ctmri_detect.persistence import load
model, X = load(sys.argv[1]), load_pairs(sys.argv[2]).data[:72]
explain(model, X[64:])
wall, cpu = time.perf_counter(), time.process_time()
explain(model, X[:64])
print(time.perf_counter() - wall, time.process_time() - cpu)
"""


def write_pairs(folder: Path, kind: str, n: int, seed: int) -> None:
    """Files of `n` phantom pairs, eight a subject; those beyond 200 are copies of earlier ones."""
    if folder.exists():
        return
    from ctmri_detect.datasets import make_phantom_pairs

    side, window = KINDS[kind]
    heads = np.asarray(make_phantom_pairs(min(25, -(-n // 8)), 8, random_state=seed).data)
    for i in range(n):
        for modality, plane in zip(("CT", "MRI"), heads[i % len(heads)], strict=True):
            path = folder / modality / f"p{i // 8:04d}_{i % 8}.{kind}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if window:
                top = 80 if modality == "CT" else np.percentile(plane, 99.5)
                large = cv2.resize(np.clip(plane / top, 0, 1).astype(np.float32), (side, side))
                cv2.imwrite(str(path), (255 * large).astype(np.uint8))
            else:
                np.save(path, plane.astype(np.float32))


def run(tree: Path, command: list[str]) -> tuple[dict[str, float], str]:
    """Seconds of the clock and of the processor, peak memory in MiB, and what it printed."""
    start, peak = time.perf_counter(), 0
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "2"}
    with tempfile.TemporaryFile("w+") as said:
        child = subprocess.Popen(  # from the tree: the folder it starts in comes first in sys.path
            [sys.executable, *command],
            env=environment,
            cwd=tree,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        while True:
            done, status, used = os.wait4(child.pid, os.WNOHANG)
            if done:
                break
            fields = Path(f"/proc/{child.pid}/statm").read_text().split()
            peak = max(peak, (int(fields[1]) - int(fields[2])) * PAGE)
            time.sleep(0.01)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    if child.returncode:
        raise RuntimeError(text)
    cpu = used.ru_utime + used.ru_stime
    return {"wall": time.perf_counter() - start, "cpu": cpu, "MiB": peak / 2**20}, text


def score(tree: Path, model: Path, pairs: Path, work: Path) -> dict[str, float]:
    """What `ctmri-detect score` takes."""
    out = work / "scores"
    command = ["-m", "ctmri_detect", "score", model, pairs, "--out", out, *PATIENT]
    found, _ = run(tree, [str(part) for part in command])
    shutil.rmtree(out)
    return found


def explain(tree: Path, model: Path, pairs: Path) -> dict[str, float]:
    """Seconds that `explain` takes a pair."""
    _, text = run(tree, ["-W", "ignore", "-c", EXPLAIN, str(model), str(pairs)])
    wall, cpu = (float(part) / 64 for part in text.split()[-2:])
    return {"wall": wall, "cpu": cpu}


def compared(
    trees: list[Path], folder: Path, kinds: list[str], sizes: tuple[int, int], repeats: int
) -> Iterator[dict[str, object]]:
    """A row for each thing that is measured."""
    few, many = sizes
    for kind in kinds:
        write_pairs(folder / f"{kind}_fit", kind, 400, 100)
        for n in sizes:
            write_pairs(folder / f"{kind}_{n}", kind, n, 200)
        models = [folder / f"{kind}_{i}.ctmri" for i in range(len(trees))]
        found: dict[tuple[str, int], list[dict[str, float]]] = {}
        for i, tree in enumerate(trees):
            if not models[i].exists():
                command = ["-m", "ctmri_detect", "fit", folder / f"{kind}_fit", "--out", models[i]]
                took, _ = run(tree, [str(part) for part in [*command, *PATIENT]])
                found["fit", i] = [took]
            found["model", i] = [{"MiB": models[i].stat().st_size / 2**20}]
        for _ in range(repeats):
            for i, tree in enumerate(trees):
                less, more = (score(tree, models[i], folder / f"{kind}_{n}", folder) for n in sizes)
                pair = {k: (more[k] - less[k]) / (many - few) for k in ("wall", "cpu")}
                first = {k: less[k] - few * pair[k] for k in pair}
                found.setdefault(("score, a pair", i), []).append(pair)
                found.setdefault(("score, start", i), []).append(first)
                told = explain(tree, models[i], folder / f"{kind}_{few}")
                found.setdefault(("explain, a pair", i), []).append(told)
        for what in dict.fromkeys(what for what, _ in found):
            for unit in found[what, 0][0]:
                if (what, unit) != ("fit", "MiB"):
                    values = [[run[unit] for run in found[what, i]] for i in range(len(trees))]
                    yield row(what, kind, unit, *values)


def memory(trees: list[Path], folder: Path, sizes: list[int]) -> Iterator[dict[str, object]]:
    """A row for each size of a folder."""
    for n in sizes:
        write_pairs(folder / f"npy_{n}", "npy", n, 200)
        new, old = (
            score(tree, folder / f"npy_{i}.ctmri", folder / f"npy_{n}", folder)["MiB"]
            for i, tree in enumerate(trees)
        )
        yield row("score, memory", "npy", "MiB", [new], [old], n=n)


def row(
    what: str, kind: str, unit: str, new: list[float], old: list[float], **more: object
) -> dict[str, object]:
    """Medians, and by how much the new one is smaller."""
    here, there = statistics.median(new), statistics.median(old)
    found = {"what": what, "files": kind, "unit": unit, "new": round(here, 4)}
    return found | {"old": round(there, 4), "ratio": round(there / here, 2), **more}


def commit_of(tree: Path) -> str:
    """The commit of a tree; its name where it is none of git."""
    asked = ["git", "-C", str(tree), "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    return done.stdout.strip() or tree.name


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--new", type=Path, default=HERE)
    parser.add_argument("--old", type=Path, required=True, help="a tree of the older commit")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--data", type=Path, help="keeps files and models for another run")
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--pairs", type=int, nargs=2, default=(100, 300))
    parser.add_argument("--memory-pairs", type=int, nargs="*", default=[500, 2000])
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    trees = [asked.new.resolve(), asked.old.resolve()]
    about = {"commit": commit_of(trees[0]), "old_commit": commit_of(trees[1])}
    about |= {"repeats": asked.repeats, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    about |= {"python": platform.python_version()}
    with tempfile.TemporaryDirectory() as name:
        folder = (asked.data or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        speed = compared(trees, folder, asked.kinds, tuple(asked.pairs), asked.repeats)
        for one in itertools.chain(speed, memory(trees, folder, asked.memory_pairs)):
            print("  ".join(f"{key}: {value}" for key, value in one.items()), flush=True)
            if asked.out:
                with asked.out.open("a") as file:
                    file.write(json.dumps(one | about) + "\n")


if __name__ == "__main__":
    main()
