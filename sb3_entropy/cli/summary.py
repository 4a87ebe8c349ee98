"""What a comparison has found, in a terminal."""

import textwrap
from collections.abc import Sequence

from sb3_entropy.reports.wording import estimate, number, p_value
from sb3_entropy.studies.cautions import blind_spot, called
from sb3_entropy.studies.notes import Notes, noted
from sb3_entropy.studies.results import StudyResults
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import CriterionResult

WIDTH = 110


def print_summary(results: StudyResults) -> None:
    """
    Print what decides: every comparison, what each arm does, cautions, and what would decide where nothing has.

    :param results: a study's results
    """
    study = results.study
    statistics = {criterion.name: criterion.statistic for criterion in study.criteria}
    for criterion, notes in noted(results, study.criteria, results.verdict.criteria):
        name = {"iqm": "IQM, the typical run", "mean": "mean"}[statistics[criterion.name]]
        print(f"\n{criterion.name} in {criterion.measure} ({name}):")
        for line in _comparisons(study, criterion):
            print(f"  {line}")
        for line in _arms(notes):
            print(f"  {line}")
        for text in notes.failures:
            _print(text, "  ")
        for kind, texts in (("Cautions", notes.cautions), ("What would decide", notes.outlook)):
            if texts:
                print(f"  {kind}:")
            for text in texts:
                _print(f"- {text}", "    ")
    _print(blind_spot(study), "  ")
    print()


def _print(text: str, indent: str) -> None:
    hanging = f"{indent}  " if text.startswith("- ") else indent
    print(textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=hanging))


def _comparisons(study: Study, criterion: CriterionResult) -> list[str]:
    rows = [("treatment − control", f"difference [{100 * study.level:g} %]", "p, after Holm", "n", "")]
    for c in criterion.comparisons:
        p = p_value(c.p_adjusted if c.difference else float("nan"))
        rows.append((called(c, study), estimate(c.difference), p, f"{c.n}", c.outcome))
    return _aligned(rows)


def _arms(notes: Notes) -> list[str]:
    rows = [("arm", "IQM", "mean", "worst run", "failures")]
    for arm in notes.arms:
        failures = f"{arm.failures} of {arm.done}"
        rows.append((arm.label, number(arm.iqm), number(arm.mean), number(arm.worst), failures))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    ]
