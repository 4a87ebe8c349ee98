"""The measurements as Markdown and as plain data."""

import importlib.metadata
import os
import platform
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.timing.cells import MEMORY_LIMIT, Cell
from benchmarks.timing.intervals import Interval, median_interval
from benchmarks.timing.pairs import Rounds


@dataclass(frozen=True)
class TimeResult:
    """
    :param cell: what was compared
    :param rounds: the times
    """

    cell: Cell
    rounds: Rounds

    @property
    def ratio(self) -> Interval:
        """:return: ours over the parent, by the clock on the wall"""
        return median_interval(self.rounds.ratios("ours", "parent"))

    @property
    def noise(self) -> Interval | None:
        """:return: the parent over itself, or None if that was not timed"""
        return median_interval(self.rounds.ratios("control", "parent")) if "control" in self.rounds.wall else None

    @property
    def met(self) -> bool:
        """:return: whether the median is within the limit"""
        return self.ratio.median <= self.cell.limit

    def data(self) -> dict[str, Any]:
        """:return: everything, for JSON"""
        return {
            "ours": self.cell.names[0],
            "parent": self.cell.names[1],
            "env": self.cell.env_id,
            "n_envs": self.cell.n_envs,
            "steps": self.cell.steps,
            "ratio": vars(self.ratio),
            "noise": vars(self.noise) if self.noise else None,
            "cpu_ratio": vars(median_interval(self.rounds.ratios("ours", "parent", "cpu"))),
            "limit": self.cell.limit,
            "met": self.met,
            "wall_seconds": self.rounds.wall,
            "cpu_seconds": self.rounds.cpu,
        }


@dataclass(frozen=True)
class MemoryResult:
    """
    :param cell: what was compared
    :param ours: (peak, of which after the imports) in MiB, a repeat each
    :param parent: the same of the parent
    """

    cell: Cell
    ours: list[tuple[float, float]]
    parent: list[tuple[float, float]]

    @property
    def peaks(self) -> tuple[float, float]:
        """:return: the median peaks, ours and the parent's"""
        return statistics.median(peak for peak, _ in self.ours), statistics.median(peak for peak, _ in self.parent)

    @property
    def growth(self) -> tuple[float, float]:
        """:return: the median growth after the imports, ours and the parent's"""
        return statistics.median(own for _, own in self.ours), statistics.median(own for _, own in self.parent)

    @property
    def ratio(self) -> float:
        """:return: our peak over the parent's"""
        return self.peaks[0] / self.peaks[1]

    @property
    def met(self) -> bool:
        """:return: whether the ratio is within the limit"""
        return self.ratio <= MEMORY_LIMIT

    def data(self) -> dict[str, Any]:
        """:return: everything, for JSON"""
        return {
            "ours": self.cell.names[0],
            "parent": self.cell.names[1],
            "env": self.cell.env_id,
            "n_envs": self.cell.n_envs,
            "ratio": self.ratio,
            "limit": MEMORY_LIMIT,
            "met": self.met,
            "peak_and_growth_mib": {"ours": self.ours, "parent": self.parent},
        }


def time_row(result: TimeResult) -> str:
    """
    :param result: one cell's times
    :return: its row of the table
    """
    cell = result.cell
    noise = f"{result.noise.median:.3f} ({_span(result.noise)})" if result.noise else "–"
    seconds = statistics.median(result.rounds.wall["parent"])
    return (
        f"| {'/'.join(cell.names)} | {cell.env_id} | {cell.n_envs} | {cell.steps} | {seconds:.2f} s "
        f"| **{result.ratio.median:.3f}** ({_span(result.ratio)}) | {noise} | ≤ {cell.limit} | {_word(result.met)} |"
    )


def memory_row(result: MemoryResult) -> str:
    """
    :param result: one cell's peaks
    :return: its row of the table
    """
    cell, (ours, parent), (our_growth, growth) = result.cell, result.peaks, result.growth
    return (
        f"| {'/'.join(cell.names)} | {cell.env_id} | {cell.n_envs} | {ours:.0f} / {parent:.0f} MiB "
        f"| {our_growth:.0f} / {growth:.0f} MiB | **{result.ratio:.3f}** | ≤ {MEMORY_LIMIT} | {_word(result.met)} |"
    )


def document(times: list[TimeResult], memory: list[MemoryResult], about: list[str]) -> str:
    """
    :param times: the cells' times
    :param memory: the cells' peaks
    :param about: lines on the machine and the command
    :return: the whole report in Markdown
    """
    lines = [*about, ""]
    if times:
        pairs = len(times[0].rounds.wall["ours"])
        coverage = times[0].ratio.coverage
        lines += [
            f"Wall-clock of `learn()`, median of {pairs} pairs (interval of the median, coverage {coverage:.1%}). "
            "*Noise* is the parent against itself in the same rounds.",
            "",
            "| | environment | copies | steps | parent | ours / parent | noise | limit | |",
            "|---|---|---:|---:|---:|---:|---:|---:|---|",
            *map(time_row, times),
            "",
        ]
    if memory:
        lines += [
            f"Peak memory of a fresh process that trains once, median of {len(memory[0].ours)}, ours / parent.",
            "",
            "| | environment | copies | peak | after the imports | ratio of the peaks | limit | |",
            "|---|---|---:|---:|---:|---:|---:|---|",
            *map(memory_row, memory),
            "",
        ]
    return "\n".join(lines)


def about(command: str, threads: str = "one thread") -> list[str]:
    """
    :param command: what was run
    :param threads: on how many, in words
    :return: the command, the machine and the versions, a line each
    """
    packages = ("sb3-entropy", "stable-baselines3", "sb3-contrib", "gymnasium", "mujoco", "torch", "numpy")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    return [
        f"`{command}`",
        "",
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {threads}; "
        f"{versions}; every class at its own defaults.",
    ]


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _span(interval: Interval) -> str:
    return f"{interval.low:.3f}–{interval.high:.3f}"


def _word(met: bool) -> str:
    return "met" if met else "not met"
