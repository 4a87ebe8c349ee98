"""The tests of theirs that cannot pass on our classes, each with its reason, and how an outcome is judged by them."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.conformance.substitution import MODES


@dataclass(frozen=True)
class Exemption:
    """
    A test that is expected to fail.

    :param suite: the distribution whose test it is
    :param test: its id; ``*`` stands for any text
    :param modes: the modes in which it fails
    :param reason: why it cannot pass
    """

    suite: str
    test: str
    modes: tuple[str, ...]
    reason: str

    def covers(self, suite: str, mode: str, test: str) -> bool:
        """
        :param suite: a distribution
        :param mode: a mode
        :param test: the id of a test
        """
        pattern = ".*".join(map(re.escape, self.test.split("*")))
        return suite == self.suite and mode in self.modes and re.fullmatch(pattern, test, re.DOTALL) is not None


@dataclass
class Verdict:
    """
    One run of one suite, judged.

    :param suite: the distribution whose tests ran
    :param mode: which classes took the place of the stock ones
    :param passed: how many tests that made one of our models passed
    :param fast: how many of these trained one on the fast path
    :param untouched: how many others passed: no model of ours was made in them
    :param skipped: how many skipped themselves
    :param failed: unexpected failures, with their messages
    :param expected: failures that an exception covers, with the exception
    :param stale: exceptions that cover no failure, or a test that passes
    :param trainings: how often ``train`` of each class was called
    :param complaints: what else is wrong with the run
    """

    suite: str
    mode: str
    passed: int = 0
    fast: int = 0
    untouched: int = 0
    skipped: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    expected: dict[str, Exemption] = field(default_factory=dict)
    stale: list[Exemption] = field(default_factory=list)
    trainings: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """:return: whether nothing is wrong"""
        return not (self.failed or self.stale or self.complaints)


def load(path: Path) -> list[Exemption]:
    """
    :param path: a TOML file of ``[[exception]]`` tables with ``suite``, ``test``, ``modes`` and ``reason``
    :return: what it lists
    :raises ValueError: if an entry is incomplete, has other keys, or names an unknown mode
    """
    keys = {"suite", "test", "modes", "reason"}
    exemptions = []
    for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("exception", []):
        if set(entry) != keys or not all(entry.values()):
            raise ValueError(f"{path}: an exception needs {', '.join(sorted(keys))}, but this was given: {entry}.")
        unknown = set(entry["modes"]) - set(MODES)
        if unknown:
            raise ValueError(
                f"{path}: unknown mode {sorted(unknown)} of {entry['test']}. Available: {', '.join(MODES)}."
            )
        exemptions.append(Exemption(entry["suite"], entry["test"], tuple(entry["modes"]), entry["reason"]))
    return exemptions


def judge(
    suite: str,
    mode: str,
    result: dict[str, Any],
    exemptions: list[Exemption],
    substituted: dict[str, str],
    *,
    partial: bool = False,
) -> Verdict:
    """
    :param suite: the distribution whose tests ran
    :param mode: which classes took the place of the stock ones
    :param result: what the plugin wrote
    :param exemptions: the tests that are expected to fail
    :param substituted: our classes' names, by the names of the stock classes that the suite's tests import
    :param partial: whether only some tests were asked for: then nobody can say what was never trained, or is stale
    :return: the verdict
    """
    verdict = Verdict(suite, mode, trainings={name: result["trainings"].get(name, 0) for name in substituted.values()})
    passing: list[str] = []
    for test, outcome in result["tests"].items():
        cover = next((entry for entry in exemptions if entry.covers(suite, mode, test)), None)
        if outcome["outcome"] == "failed" and cover is not None:
            verdict.expected[test] = cover
        elif outcome["outcome"] == "failed":
            verdict.failed[test] = outcome["message"]
        elif outcome["outcome"] == "skipped":
            verdict.skipped += 1
        else:
            passing.append(test)
            verdict.passed += outcome["made_one"]
            verdict.fast += outcome["trained_fast"]
            verdict.untouched += not outcome["made_one"]
    verdict.complaints += [
        f"A {key} was trained {count} times: the substitution does not reach everything."
        for key, count in result["trainings"].items()
        if key.startswith("stock ") and count
    ]
    if not result["tests"]:
        verdict.complaints.append("No test ran.")
    if partial:
        return verdict
    held = set(verdict.expected.values())
    verdict.stale = [
        entry
        for entry in exemptions
        if (entry.suite == suite and mode in entry.modes)
        and (entry not in held or any(entry.covers(suite, mode, test) for test in passing))
    ]
    verdict.complaints += [f"{name} was never trained." for name, count in verdict.trainings.items() if count == 0]
    return verdict
