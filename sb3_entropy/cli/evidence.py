"""``sb3-entropy evidence``: every claim, its verdict, and the numbers that decided it, on one page of Markdown."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from sb3_entropy.files import atomic_file
from sb3_entropy.reports.evidence import evidence_markdown
from sb3_entropy.studies.library import find_study, study_files
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import committed
from sb3_entropy.studies.spec import read_study


def run_evidence(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    parser = ArgumentParser(
        "sb3-entropy evidence",
        description="Judge every study by the exported results that are kept beside its YAML, and write one page.",
    )
    parser.add_argument("-o", "--output", type=Path, help="the file to write (default: standard output)")
    parser.add_argument("studies", nargs="*", help="names of studies (default: all that have results)")
    given = parser.parse_args(arguments)
    names = given.studies or list(study_files())
    results = [committed(Plan(read_study(find_study(name)))) for name in names]
    page = evidence_markdown([found for found in results if found is not None])
    if given.output is None:
        print(page, end="")
        return 0
    with atomic_file(given.output) as file:
        file.write(page.encode())
    print(given.output)
    return 0
