"""``sb3-entropy evidence``: every claim, its verdict, and the numbers that decided it, on one page of Markdown."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from sb3_entropy.cli.study_options import add_evidence_option
from sb3_entropy.files import atomic_file
from sb3_entropy.reports.evidence import evidence_markdown, evidence_of
from sb3_entropy.studies.evidence import Evidence, table_text, tabulated
from sb3_entropy.studies.library import find_study, study_files
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import committed
from sb3_entropy.studies.spec import Study, read_study


def run_evidence(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    parser = ArgumentParser(
        "sb3-entropy evidence",
        description="Judge every study by its exported results, and write one page. Where there are none, as in an "
        "installed package, the page says what they said when the package was made.",
    )
    parser.add_argument("-o", "--output", type=Path, help="the file to write (default: standard output)")
    add_evidence_option(parser)
    parser.add_argument(
        "--table", type=Path, help="write the verdicts and the figures that decide to this file too, for the package"
    )
    parser.add_argument("studies", nargs="*", help="names of studies (default: all that have results)")
    given = parser.parse_args(arguments)
    names = given.studies or list(study_files())
    found = [_of(read_study(find_study(name)), given.evidence) for name in names]
    evidence = [each for each in found if each is not None]
    if given.table is not None:
        _write(given.table, table_text(evidence))
    page = evidence_markdown(evidence)
    if given.output is None:
        print(page, end="")
    else:
        _write(given.output, page)
    return 0


def _of(study: Study, folder: Path | None) -> Evidence | None:
    results = committed(Plan(study), folder)
    return tabulated(study) if results is None else evidence_of(results)


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as file:
        file.write(text.encode())
    print(path)
