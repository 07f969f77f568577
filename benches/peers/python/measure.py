"""Rows that are measured in turns, on this thread's own CPU time; one JSON line each on stdout."""

import ctypes
import gc
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Effort:
    """How much is done for a figure."""

    rounds: int = 61
    # Only to see that each row runs: its figures say nothing.
    quick: bool = False

    def of(self, meant: int, quick: int) -> int:
        """Choose between the size that is meant and one that only shows that a row runs."""
        return quick if self.quick else meant


@dataclass
class Row:
    """One thing to measure: returns nanoseconds of CPU, and how many operations they were."""

    name: str
    run: Callable[[], tuple[float, int]]


def timed(work: Callable[[], object]) -> int:
    """Return what some work takes."""
    start = time.thread_time_ns()
    work()
    return time.thread_time_ns() - start


def counted(effort: Effort, name: str, batch: Callable[[int], object]) -> Row:
    """Make a row of as many operations that a round takes about a millisecond."""
    operations = 10

    def once() -> int:
        start = time.thread_time_ns()
        batch(operations)
        return time.thread_time_ns() - start

    while not effort.quick and operations < 1 << 30:
        spent = once()
        if spent >= 250_000:
            operations = operations * 1_000_000 // spent
            break
        operations *= 2
    return Row(name, lambda: (once(), operations))


def emit(line: dict[str, Any]) -> None:
    """Print a line."""
    print(json.dumps(line, separators=(",", ":")), flush=True)


def begin(effort: Effort) -> None:
    """Say whose rows follow."""
    emit({"process": "python", "rounds": effort.rounds})


def report(group: str, row: str, samples: list[float]) -> None:
    """Print the rounds of a row, in nanoseconds for each operation."""
    rounded = [round(sample, 1) for sample in samples]
    emit({"group": group, "row": row, "clock": "cpu", "unit": "ns", "samples": rounded})


def figure(group: str, row: str, value: float, unit: str) -> None:
    """Print a figure that has no rounds."""
    emit({"group": group, "row": row, "value": round(value, 2), "unit": unit})


def group(effort: Effort, name: str, rows: list[Row]) -> dict[str, list[float]]:
    """Measure rows in turns, the order reversed every second round; the first is the floor.

    As in timeit, the collector of cycles sleeps while a row runs.
    """
    samples: dict[str, list[float]] = {row.name: [] for row in rows}
    for turn in range(effort.rounds):
        gc.collect()
        gc.disable()
        try:
            for row in rows if turn % 2 == 0 else reversed(rows):
                spent, operations = row.run()
                samples[row.name].append(spent / operations)
        finally:
            gc.enable()
    for row in rows:
        report(name, row.name, samples[row.name])
    return samples


def load_floor() -> ctypes.CDLL:
    """Load the floors that all processes share; each of their functions takes a count."""
    library = ctypes.CDLL(os.environ["OTP_FLOOR_LIBRARY"])
    for operation in ("issue", "verify", "hotp_sha1", "hotp_sha256", "hotp_sha512"):
        function = getattr(library, f"otp_floor_{operation}")
        function.argtypes, function.restype = [ctypes.c_uint64], None
    for operation in ("sha1", "sha256", "sha512"):
        function = getattr(library, f"otp_floor_verify_{operation}")
        function.argtypes, function.restype = [ctypes.c_uint64, ctypes.c_uint64], None
    library.otp_floor_nothing.argtypes = [
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    library.otp_floor_nothing.restype = ctypes.c_int32
    return library
