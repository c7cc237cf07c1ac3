"""Run the fits of a benchmark that the store does not know yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from joblib import Parallel, delayed
from tqdm.auto import tqdm

from ctmri_detect._warnings import first_of, warn_user
from ctmri_detect.evaluation.measure import Ground, Job, run_job
from ctmri_detect.evaluation.store import Store


def run_jobs(
    jobs: Sequence[Job], ground: Ground, store: Store, n_jobs: int | None, progress: bool
) -> None:
    """Compute every cell that has no result, or whose detector failed last time.

    Each result is stored as soon as it is there. Where a worker dies, or the program is stopped,
    the finished ones stay. What the detectors warn of is said once, at the end, with their names.
    """
    todo = [_missing(job, store) for job in jobs]
    done = sum(len(job.cells) for job in jobs) - sum(len(job.cells) for job in todo)
    todo = [job for job in todo if job.cells]
    total = done + sum(len(job.cells) for job in todo)
    calls = (delayed(run_job)(job, ground, store) for job in todo)
    said: dict[tuple[type[Warning], str], dict[str, None]] = defaultdict(dict)
    try:
        with tqdm(total=total, initial=done, disable=not progress, unit="cell") as bar:
            for finished in Parallel(n_jobs=n_jobs, return_as="generator_unordered")(calls):
                bar.update(finished.n_cells)
                for warned in finished.told:
                    said[warned][finished.detector] = None
    finally:
        _warn(said)


def _warn(said: Mapping[tuple[type[Warning], str], Iterable[str]]) -> None:
    """Each kind of warning once for each set of detectors that gave it."""
    texts: dict[tuple[type[Warning], str], list[str]] = defaultdict(list)
    for (category, message), detectors in said.items():
        texts[category, ", ".join(sorted(detectors))].append(message)
    for (category, names), messages in texts.items():
        warn_user(f"{names}: {first_of(sorted(messages))}", category)  # jobs end in any order


def _missing(job: Job, store: Store) -> Job:
    return replace(job, cells=[each for each in job.cells if not store.is_done(each[0])])
