"""The outcome of the conformance runs as Markdown."""

from benchmarks.conformance.exceptions import Exemption, Verdict
from benchmarks.conformance.substitution import MODES


def table(verdicts: list[Verdict], versions: dict[str, str]) -> str:
    """
    :param verdicts: the runs, judged
    :param versions: the version of each distribution whose tests ran
    :return: one row a run, what the columns mean, and the exceptions with their reasons
    """
    lines = [
        "| classes | tests of | passed | on the fast path | skipped | failed | expected to fail | calls of `train()` |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for verdict in verdicts:
        trainings = ", ".join(f"{name} {count}" for name, count in verdict.trainings.items())
        lines.append(
            f"| {verdict.mode} | {verdict.suite} {versions[verdict.suite]} | {verdict.passed} | {verdict.fast} "
            f"| {verdict.skipped} | {len(verdict.failed)} | {len(verdict.expected)} | {trainings} |"
        )
    modes = {verdict.mode: MODES[verdict.mode] for verdict in verdicts}
    lines += ["", *(f"- *{mode}*: {meaning}." for mode, meaning in modes.items())]
    untouched = sum(verdict.untouched for verdict in verdicts)
    lines += [
        "- *passed* counts only tests that made a model of one of our classes; "
        f"{untouched} that turned out to make none passed too. *On the fast path*: of those passed, the tests in which "
        "one was trained on [the fast path](fast_path.md); the others train none, or what stands in its way.",
    ]
    expected: dict[Exemption, set[str]] = {}
    for verdict in verdicts:
        for test, exemption in verdict.expected.items():
            expected.setdefault(exemption, set()).add(test)
    if expected:
        lines += ["", "Expected to fail:", ""]
        for exemption, tests in expected.items():
            modes_named = ", ".join(exemption.modes)
            lines.append(
                f"- {exemption.suite}, `{exemption.test}` ({modes_named}; {len(tests)} tests): {exemption.reason}"
            )
    return "\n".join(lines) + "\n"


def complaints(verdicts: list[Verdict]) -> str:
    """
    :param verdicts: the runs, judged
    :return: what is wrong with each, or an empty text
    """
    lines: list[str] = []
    for verdict in verdicts:
        where = f"{verdict.suite}, {verdict.mode}"
        for test, message in verdict.failed.items():
            last = next((line for line in reversed(message.splitlines()) if line.startswith("E ")), "").strip()
            lines.append(f"{where}: FAILED {test}  {last}")
        for entry in verdict.stale:
            lines.append(f"{where}: STALE exception {entry.test!r}: nothing that it covers fails, or something passes.")
        lines += [f"{where}: {complaint}" for complaint in verdict.complaints]
    return "\n".join(lines)
