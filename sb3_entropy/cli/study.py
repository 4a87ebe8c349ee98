"""``sb3-entropy study list | run | report | export | import``."""

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sb3_entropy.cli.progress import RunProgress
from sb3_entropy.cli.study_options import add_evidence_option, add_run_options, add_store_option
from sb3_entropy.engines import make_engine
from sb3_entropy.errors import check_number, unknown
from sb3_entropy.store import Store, export_study, import_study
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.commands import DEFAULT_REPORTS, report_command, run_command
from sb3_entropy.studies.evidence import tabulated
from sb3_entropy.studies.library import SOURCES, find_study, results_folder, study_files
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import (
    StudyResults,
    collect,
    committed,
    digest,
    keep_outcome,
    kept_outcome,
    remember,
)
from sb3_entropy.studies.runner import Tally, run_study
from sb3_entropy.studies.spec import Study, read_study
from sb3_entropy.zoo.options import add_packages_option

SUBCOMMANDS = {
    "list": "every study: its claim, its source, its verdict so far",
    "run": "do the runs that are missing, then judge the claim",
    "report": "one HTML page with the verdict, figures, tables and every run",
    "export": "write finished runs to small files, which can be committed",
    "import": "read such files into the store",
    "check": "find everything that is wrong with a study, without running it",
}


def run_study_command(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line: a subcommand and its options
    :return: 0; 1 if runs have failed
    :raises ValueError: if the subcommand or the study is unknown, or the study is wrong
    """
    parsed = _parser().parse_args(_with_known_subcommand(arguments))
    run = {
        "list": _list,
        "run": _run,
        "report": _report,
        "export": _export,
        "import": _import,
        "check": _check,
    }[parsed.subcommand]
    return run(parsed)


def _with_known_subcommand(arguments: Sequence[str]) -> Sequence[str]:
    given = next((argument for argument in arguments if not argument.startswith("-")), None)
    if given is not None and given not in SUBCOMMANDS:
        raise ValueError(unknown("subcommand of study", given, SUBCOMMANDS))
    return arguments


def _parser() -> ArgumentParser:
    parser = ArgumentParser("sb3-entropy study", description="Claims, the runs that test them, and the verdicts.")
    subparsers = parser.add_subparsers(dest="subcommand", required=True, metavar="|".join(SUBCOMMANDS))
    parsers = {name: subparsers.add_parser(name, help=text, description=text) for name, text in SUBCOMMANDS.items()}
    for name in ("run", "report", "export", "import", "check"):
        parsers[name].add_argument("study", help="a study's name, see `sb3-entropy study list`, or the path of a YAML")
        add_packages_option(parsers[name])
    parsers["list"].add_argument("files", nargs="*", metavar="YAML", help="further studies, from files")
    for name in ("list", "run", "report", "export", "import"):
        add_store_option(parsers[name])
    for name in ("list", "report", "import"):
        add_evidence_option(parsers[name])
    for name in ("run", "report", "export", "import"):
        parsers[name].add_argument(
            "--timesteps",
            type=int,
            help="a rehearsal with so many steps a run, kept apart under the study's name with _<steps>_steps",
        )
    add_run_options(parsers["run"])
    parsers["run"].add_argument("--seeds", type=int, help="how many of the study's seeds, or more (default: all)")
    parsers["report"].add_argument(
        "-f", "--folder", type=Path, default=Path(DEFAULT_REPORTS), help=f"where (default: {DEFAULT_REPORTS})"
    )
    where = "where (default: results/<study> beside the YAML; of our own studies a checkout's evidence/<study>)"
    parsers["export"].add_argument("-f", "--folder", type=Path, help=where)
    parsers["import"].add_argument("-f", "--folder", type=Path, help="from where (default: as for export)")
    return parser


def execute(plan: Plan, parsed: Namespace, n_seeds: int | None = None) -> Tally:
    """
    Do what is missing of a study, and print the verdict.

    :param plan: the study's
    :param parsed: the options of :func:`add_run_options` and :func:`add_store_option`
    :param n_seeds: how many seeds; the study's if ``None``
    :return: what was done
    """
    if n_seeds is not None:
        check_number("--seeds", n_seeds, low=1, integer=True)
    parsed.store.parent.mkdir(parents=True, exist_ok=True)
    with Store(parsed.store) as store, make_engine(parsed.engine, parsed.workers, parsed.address) as engine:
        with RunProgress(plan.study.name, engine.workers) as progress:
            tally = run_study(
                plan,
                store,
                engine,
                progress,
                n_seeds=n_seeds,
                retry_failed=parsed.retry_failed,
                tensorboard=parsed.tensorboard,
                steps=progress.folder,
            )
        results = collect(plan, store, str(parsed.store))
        remember(results, store)
    _tell_other(results)
    print(f"{plan.study.name}: {results.verdict.outcome}")
    for criterion in results.verdict.criteria:
        print(f"  {criterion.name}: {criterion.outcome}")
    if tally.failed or tally.left:
        parts = [f"{tally.failed} failed in this call"] * bool(tally.failed)
        parts += [f"{tally.left} failed in an earlier call and were left alone"] * bool(tally.left)
        print(f"Of the runs {' and '.join(parts)}. The same command with --retry-failed does them again.")
    return tally


def _tell_other(results: StudyResults) -> None:
    if results.other:
        print(
            f"{results.other} runs of {results.study.name} were made as its YAML stood before and are left out. "
            f"Do them as it stands now: {run_command(results.study, results.store)}"
        )


def _read(parsed: Namespace) -> Plan:
    study = read_study(find_study(parsed.study))
    study = study.model_copy(update={"packages": (*study.packages, *parsed.gym_packages)})
    steps = getattr(parsed, "timesteps", None)
    if steps is None:
        return Plan(study)
    check_number("--timesteps", steps, low=1, integer=True)
    shorter = {env_id: env.model_copy(update={"timesteps": steps}) for env_id, env in study.environments.items()}
    return Plan(study.model_copy(update={"environments": shorter}).renamed(f"{study.name}_{steps}_steps"))


def _run(parsed: Namespace) -> int:
    plan = _read(parsed)
    tally = execute(plan, parsed, parsed.seeds)
    print(f"Next: {report_command(plan.study, parsed.store)}")
    return 1 if tally.failed or tally.left else 0


def _check(parsed: Namespace) -> int:
    plan = _read(parsed)
    runs = check_study(plan)
    steps = sum(run.length for run in runs)
    print(f"{plan.study.name}: {len(runs)} runs, {steps:,} steps; nothing is wrong.")
    return 0


def find_results(plan: Plan, store_path: Path, evidence: Path | None = None) -> StudyResults:
    """
    :param plan: a study's
    :param store_path: the store
    :param evidence: a folder of exported results, one folder a study; ``None`` for the usual one
    :return: its results in the store, or, if there are none, in the exported files
    :raises FileNotFoundError: if there are none there either
    """
    if store_path.exists():
        with Store(store_path) as store:
            results = collect(plan, store, str(store_path))
            if results.runs:
                if not store.read_only:
                    remember(results, store)
                return results
    exported = committed(plan, evidence)
    study = plan.study
    if exported is None:
        raise FileNotFoundError(
            f"There are no runs of {study.name}, neither in {store_path} nor {_absent(study, evidence)} "
            f"Do them: {run_command(study, store_path)}"
        )
    print(f"{store_path} has no runs of {study.name}; these are the exported ones of {_exported(study, evidence)}.")
    return exported


def _exported(study: Study, evidence: Path | None = None) -> Path:
    return results_folder(Path(study.document.origin), study.name, evidence)


def _absent(study: Study, evidence: Path | None) -> str:
    """Where exported results are not, and, if the package knows what they said, where they are."""
    if evidence is None and tabulated(study):
        return f"in the package. Ours are in {SOURCES}; name that folder by --evidence PATH."
    return f"in {_exported(study, evidence)}."


def _report(parsed: Namespace) -> int:
    from sb3_entropy.reports.study import write_report

    plan = _read(parsed)
    results = find_results(plan, parsed.store, parsed.evidence)
    _tell_other(results)
    page = write_report(results, parsed.folder / plan.study.name)
    print(f"{plan.study.name}: {results.verdict.outcome}\nReport: {page}")
    return 0


def _export(parsed: Namespace) -> int:
    plan = _read(parsed)
    study = plan.study
    folder = parsed.folder or _exported(study)
    if parsed.folder is None and "site-packages" in folder.parts:
        raise ValueError(f"{study.name} is a study of an installed package. Say where to export to: --folder FOLDER.")
    if not parsed.store.exists():
        raise FileNotFoundError(f"There is no store {parsed.store} to export from. Correct --store.")
    with Store(parsed.store) as store:
        for file in export_study(store, study.name, folder):
            print(file)
        results = collect(plan, store, str(parsed.store))
        if not store.read_only:
            remember(results, store)
    print(keep_outcome(results, folder))
    return 0


def _import(parsed: Namespace) -> int:
    plan = _read(parsed)
    study = plan.study
    parsed.store.parent.mkdir(parents=True, exist_ok=True)
    folder = parsed.folder or _exported(study, parsed.evidence)
    if parsed.folder is None and not folder.is_dir():
        raise FileNotFoundError(f"There are no results {_absent(study, parsed.evidence)} --folder FOLDER names any.")
    with Store(":memory:") as found:
        name = import_study(found, folder)
    if name != study.name:
        raise ValueError(f"{folder} holds the study {name!r}, not {study.name!r}. Name that study, or another folder.")
    with Store(parsed.store) as store:
        import_study(store, folder)
        results = collect(plan, store, str(parsed.store))
        remember(results, store)
    print(f"{study.name}: {len(results.runs)} runs in {parsed.store}; {results.verdict.outcome}")
    return 0


def _list(parsed: Namespace) -> int:
    files = {**study_files(), **{path.stem: path for path in map(find_study, parsed.files)}}
    rows = _rows(files, parsed.store, parsed.evidence)
    for name, (state, claim, source) in rows.items():
        print("\n    ".join(text for text in (name, state, claim, source) if text))
    if not rows:
        print("There are no studies.")
    return 0


def _rows(files: dict[str, Path], store_path: Path, evidence: Path | None) -> dict[str, tuple[str, str, str]]:
    rows: dict[str, tuple[str, str, str]] = {}
    store = Store(store_path) if store_path.exists() else None
    try:
        counts: dict[str, Any] = store.studies() if store else {}
        for name, path in files.items():
            try:
                study = read_study(path)
            except ValueError as error:
                print(str(error), file=sys.stderr)
                continue
            if store and name in counts:
                state = _state(study, store, counts[name])
            else:
                state = kept_outcome(study, evidence) or "not run yet"
            rows[name] = (state, " ".join(study.claim.split()), " ".join(study.source.split()))
        for name in sorted(counts.keys() - files.keys()):
            count = counts[name]
            rehearsal = re.fullmatch(r"(.+)_(\d+)_steps", name)
            known = rehearsal is not None and rehearsal.group(1) in files
            what = "a rehearsal of a study above" if known else "a study from a file: name it, to see its verdict"
            rows[name] = (f"{count.finished} runs in the store", what, "")
    finally:
        if store:
            store.close()
    return rows


def _state(study: Study, store: Store, count: Any) -> str:
    """The verdict that is kept in the store, if it still is about these runs and this YAML."""
    done = f"{count.finished} of {count.finished + count.failed + count.missing} runs finished"
    if count.failed:
        done += f", {count.failed} failed"
    kept = store.verdict(study.name)
    if kept is None:
        return f"not judged yet ({done})"
    fingerprint, verdict = kept
    return f"{verdict['outcome']} ({done})" if fingerprint == digest(study, store) else f"to be judged again ({done})"
