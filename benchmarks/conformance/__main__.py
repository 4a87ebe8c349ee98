"""``python -m benchmarks.conformance``: see the package's docstring."""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import conformance
from benchmarks.conformance import exceptions, report, sdists
from benchmarks.conformance.selection import relevant_files
from benchmarks.conformance.substitution import MODES, counterparts

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "conformance"
SUITES = ("stable_baselines3", "sb3_contrib")


class RunError(RuntimeError):
    """pytest ended without a result."""


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status: 0 if everything that applies passes
    """
    options = _parser().parse_args(arguments)
    try:
        return conform(options)
    except (sdists.SdistError, RunError, OSError, ValueError) as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2


def conform(options: argparse.Namespace) -> int:
    """
    :param options: the command line's
    :return: the exit status
    """
    exemptions = exceptions.load(options.exceptions)
    versions: dict[str, str] = {}
    verdicts = []
    with tempfile.TemporaryDirectory(prefix="conformance-") as temporary:
        for suite in options.suite or SUITES:
            versions[suite] = sdists.pinned_version(suite, options.constraints)
            sdists.check_installed(suite, versions[suite])
            archive = sdists.fetch(suite, versions[suite], CACHE)
            tests = sdists.unpack_tests(archive, Path(temporary, suite))
            for mode in options.mode or [mode for mode in MODES if mode != "control"]:
                named = counterparts(mode)
                files = relevant_files(tests, named)
                if not files:
                    continue
                imported = {name: ours for name, ours in named.items() if name in set().union(*files.values())}
                print(f"\n{suite} {versions[suite]}, {mode}: {MODES[mode]}", flush=True)
                result = run(Path(temporary, suite), sorted(files), mode, options.workers, options.keyword)
                CACHE.joinpath(f"{suite}-{mode}.json").write_text(json.dumps(result, indent=1))
                verdicts.append(
                    exceptions.judge(suite, mode, result, exemptions, imported, partial=bool(options.keyword))
                )
    verdicts.sort(key=lambda verdict: list(MODES).index(verdict.mode))
    table = report.table(verdicts, versions)
    print(f"\n{table}")
    if options.markdown:
        options.markdown.write_text(table, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps([dataclasses.asdict(verdict) for verdict in verdicts], indent=1))
    print(report.complaints(verdicts), file=sys.stderr)
    return 0 if all(verdict.good for verdict in verdicts) else 1


def run(folder: Path, files: list[Path], mode: str, workers: str, keyword: str | None) -> dict[str, Any]:
    """
    Run the tests in a process of their own, from a folder that holds nothing but ``tests/``.

    :param folder: the folder that holds ``tests/``
    :param files: the test files to run
    :param mode: which classes take the place of the stock ones
    :param workers: how many processes, or ``"auto"``; a file's tests stay together, because some share files
    :param keyword: pytest's ``-k``
    :return: what the plugin wrote
    """
    result = folder / f"{mode}.json"
    folder.joinpath("pytest.ini").write_text("[pytest]\nmarkers = slow: theirs\n    expensive: theirs\n")
    command = [sys.executable, "-m", "pytest", "-c", "pytest.ini", "--rootdir", ".", "-p", "no:cacheprovider"]
    command += ["-p", "benchmarks.conformance.plugin", "--conformance-mode", mode, "--conformance-result", str(result)]
    command += ["-q", "--tb=short", "--disable-warnings", "-n", workers, "--dist", "loadfile"]
    command += ["-k", keyword] if keyword else []
    command += [str(path.relative_to(folder)) for path in files]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path, "PYTEST_ADDOPTS": ""}
    status = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    if not result.exists():
        raise RunError(f"pytest ended with status {status} and wrote no result. Its output above says why.")
    return dict(json.loads(result.read_text()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.conformance", description=conformance.__doc__)
    parser.add_argument("--mode", action="append", choices=MODES, help="default: all but control")
    parser.add_argument("--suite", action="append", choices=SUITES, help="default: both")
    parser.add_argument("--workers", default="auto", help="processes, as pytest-xdist's -n (default: auto)")
    parser.add_argument("-k", dest="keyword", help="only some tests, as pytest's -k; then nothing is judged as missing")
    parser.add_argument("--markdown", type=Path, help="also write the table to this file")
    parser.add_argument("--json", type=Path, help="also write the verdicts to this file")
    parser.add_argument("--constraints", type=Path, default=ROOT / "constraints.txt", help="where versions are pinned")
    parser.add_argument("--exceptions", type=Path, default=Path(__file__).with_name("exceptions.toml"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
