"""Child processes that run the cases, each case with a limit of time."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from .case import schedule

_TESTS = Path(__file__).resolve().parents[1]


def run_cases(
    seed: int, numbers: Iterable[int], *, jobs: int = 2, limit: float = 30.0, every: int = 1
) -> Iterator[dict[str, Any]]:
    """The report of each case, as it comes; a hang or a crash is one, too.

    `limit` is in seconds; `describe_pairs` runs in one of `every` cases.
    """
    todo: SimpleQueue[int] = SimpleQueue()
    done: SimpleQueue[dict[str, Any]] = SimpleQueue()
    count = 0
    for number in numbers:
        todo.put(number)
        count += 1
    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(_serve, (seed, every), todo, done, limit) for _ in range(jobs)]
        for _ in range(count):
            while True:
                try:
                    report = done.get(timeout=1.0)
                    break
                except Empty:
                    for future in futures:
                        if future.done():
                            future.result()  # raises what ended it
            yield report


def _serve(
    settings: tuple[int, int],
    todo: SimpleQueue[int],
    done: SimpleQueue[dict[str, Any]],
    limit: float,
) -> None:
    child: _Child | None = None
    try:
        while True:
            try:
                number = todo.get_nowait()
            except Empty:
                return
            child = child or _Child(*settings)
            answer = child.ask(number, limit)
            if isinstance(answer, str):
                kinds = schedule()
                kind = kinds[number % len(kinds)].name
                answer = {"number": number, "kind": kind, "known": False, "faults": [answer]}
                answer |= {"seconds": limit, "memory": 0}
                child.end()
                child = None
            done.put(answer)
    finally:
        if child is not None:
            child.end()


class _Child:
    """One process of `worker`."""

    def __init__(self, seed: int, every: int) -> None:
        paths = [str(_TESTS), os.environ.get("PYTHONPATH", ""), str(_TESTS.parent)]
        env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed in `end`)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker", str(seed), str(every)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=env,
        )
        self.started = False

    def ask(self, number: int, limit: float) -> dict[str, Any] | str:
        """The report of a case, or how the process ended in it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{number}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return self._ending()
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            if not ready.select(limit if self.started else limit + 60):  # the imports
                return f"hangs: no answer within {limit:g} s"
        line = self.process.stdout.readline()
        self.started = True
        return json.loads(line) if line else self._ending()

    def _ending(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"the process ends with code {code}: {' | '.join(said[-3:])}"

    def end(self) -> None:
        """Stop the process, whatever it is doing."""
        if self.process.poll() is None and not self._idle():
            self.process.kill()
        self.process.wait()
        self.errors.close()

    def _idle(self) -> bool:
        """Let it end by itself, so that it removes its folder."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.close()
            self.process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return True
