"""What a study has found so far: its runs and their scores, from the store or from exported files."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sb3_entropy.files import atomic_file
from sb3_entropy.store import Store, import_study
from sb3_entropy.studies.evidence import tabulated
from sb3_entropy.studies.library import results_folder
from sb3_entropy.studies.plan import Plan, agrees
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import Verdict, judge
from sb3_entropy.studies.worker import score

#: beside exported runs
OUTCOME = "verdict.json"


@dataclass(frozen=True)
class RunView:
    """
    A run of a study.

    :param arm: the variant's label, e.g. ``sppo, ent_coef=0.3``
    :param group: the arm's name
    :param settings: the swept values
    :param environment: where
    :param seed: the seed's number
    :param status: ``"finished"`` or ``"failed"``
    :param run_id: the definition's hash
    :param scores: by measure
    :param steps: evaluation points, shape (T,)
    :param curves: by name, shape (T,)
    :param error: the traceback of a failed run
    :param definition: what determines the numbers
    :param recorded: what does not: wall-clock time, commit, platform
    """

    arm: str
    group: str
    settings: dict[str, Any]
    environment: str
    seed: int
    status: str
    run_id: str
    scores: dict[str, float]
    steps: np.ndarray
    curves: dict[str, np.ndarray]
    error: str | None
    definition: dict[str, Any]
    recorded: dict[str, Any]


@dataclass(frozen=True)
class StudyResults:
    """
    :param plan: the study's
    :param runs: its runs that are finished or have failed
    :param verdict: by the study's rule, from the finished runs
    :param missing: how many runs are planned and not done
    :param origin: where the runs were read
    :param other: how many of the missing ones are there as the YAML stated them before it was changed
    :param store: the store's path, as it was given; empty if the runs are from exported files
    """

    plan: Plan
    runs: tuple[RunView, ...]
    verdict: Verdict
    missing: int
    origin: str
    other: int = 0
    store: str = ""

    @property
    def study(self) -> Study:
        """:return: the study"""
        return self.plan.study


def collect(plan: Plan, store: Store, origin: str) -> StudyResults:
    """
    :param plan: the study's
    :param store: where its runs are
    :param origin: the store's path, as it was given; or what to call one that is in memory
    :return: its runs, scored anew by the measures as they are now, and the verdict
    """
    study, known = plan.study, {variant.label: variant for variant in plan.variants}
    runs, missing, other = [], 0, 0
    for member, record in store.runs(study.name):
        cell = plan.asked_for.get((member.arm, member.environment))
        if cell is None:
            continue
        if record is None or not agrees(record.definition, cell):
            missing += 1
            other += record is not None
            continue
        variant = known[member.arm]
        scores = score(record.steps, record.curves, study.measures) if record.status == "finished" else {}
        runs.append(
            RunView(
                arm=member.arm,
                group=variant.arm.name,
                settings=variant.settings,
                environment=member.environment,
                seed=member.seed,
                status=record.status,
                run_id=record.run_id,
                scores=scores,
                steps=np.asarray(record.steps),
                curves={name: np.asarray(values) for name, values in record.curves.items()},
                error=record.error,
                definition=record.definition,
                recorded=record.recorded,
            )
        )
    kept = "" if store.in_memory else origin
    return StudyResults(plan, tuple(runs), judge(plan, _scores(runs)), missing, origin, other, kept)


def committed(plan: Plan, evidence: Path | None = None) -> StudyResults | None:
    """
    :param plan: the study's
    :param evidence: a folder of exported results, one folder a study; ``None`` for the usual one
    :return: the results that are kept in files; ``None`` if there are none
    """
    study = plan.study
    folder = results_folder(Path(study.document.origin), study.name, evidence)
    if not folder.is_dir():
        return None
    with Store(":memory:") as store:
        import_study(store, folder)
        return collect(plan, store, f"the exported files of {study.name}")


def keep_outcome(results: StudyResults, folder: Path) -> Path:
    """
    Keep the outcome beside exported results, so that it can be listed without reading them all.

    :param results: the results
    :param folder: where they have been exported
    :return: the file
    """
    done = sum(run.status == "finished" for run in results.runs)
    kept = {
        "outcome": results.verdict.outcome,
        "finished": done,
        "runs": len(results.runs) + results.missing,
        "of": _of(results.study, folder),
    }
    file = folder / OUTCOME
    with atomic_file(file) as opened:
        opened.write((json.dumps(kept, indent=1) + "\n").encode())
    return file


def kept_outcome(study: Study, evidence: Path | None = None) -> str | None:
    """
    :param study: a study
    :param evidence: a folder of exported results, one folder a study; ``None`` for the usual one
    :return: in a few words what its exported results said, ``None`` if there are none, and the package's table has
        nothing of it
    """
    folder = results_folder(Path(study.document.origin), study.name, evidence)
    if not folder.is_dir():
        known = tabulated(study)
        return None if known is None else known.in_a_few_words
    try:
        kept = json.loads((folder / OUTCOME).read_text(encoding="utf-8"))
        current = kept["of"] == _of(study, folder)
        said = f"{kept['outcome']} ({kept['finished']} of {kept['runs']} runs finished, exported)"
    except (OSError, ValueError, KeyError, TypeError):
        return "exported, and not judged: see the report"
    return said if current else "exported, and to be judged again: see the report"


def _of(study: Study, folder: Path) -> str:
    """A hash of the YAML, without its finding, and of the exported runs."""
    exported = (folder / "runs.csv").read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(_rule(study) + exported).hexdigest()[:20]


def _rule(study: Study) -> bytes:
    """The YAML without what is written about the runs, beside them, and of what the rule once was."""
    beside = ("finding", "remarks", "published", "changed")
    values = {key: value for key, value in study.document.values.items() if key not in beside}
    return json.dumps(values, sort_keys=True).encode()


def digest(study: Study, store: Store) -> str:
    """
    :param study: the study
    :param store: where its runs are
    :return: a short text that changes when the study's runs do, or its YAML but for finding, remarks, published and
        changed
    """
    return hashlib.sha256(_rule(study) + store.fingerprint(study.name).encode()).hexdigest()[:20]


def remember(results: StudyResults, store: Store) -> None:
    """
    Keep the verdict, so that it can be listed without being computed again.

    :param results: what :func:`collect` returned
    :param store: the same store
    """
    store.set_verdict(results.study.name, digest(results.study, store), asdict(results.verdict))


def _scores(runs: list[RunView]) -> Any:
    table: dict[tuple[str, str, str], dict[int, float]] = {}
    for run in runs:
        for measure, value in run.scores.items():
            table.setdefault((run.arm, run.environment, measure), {})[run.seed] = value

    def look_up(arm: str, environment: str, measure: str) -> dict[int, float]:
        return table.get((arm, environment, measure), {})

    return look_up
