"""Results of a study that nobody has run: made-up curves in the form of real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.results import RunView, StudyResults, _scores
from sb3_entropy.studies.spec import Study
from sb3_entropy.studies.verdict import judge
from sb3_entropy.studies.worker import score
from tests.studies.specs import study

TRACEBACK = 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: <script>alert(1)</script> & NaN'
NASTY = '<b>"soft" & co</b></script>'


def make_study(**changes: Any) -> Study:
    values: dict[str, Any] = {
        "seeds": 5,
        "question": "Does <i>entropy</i> help?",
        "finding": "It does & it does not.",
        "environments": {"CartPole-v1": {"score_range": [0, 500]}},
        "arms": {"PPO": {"algo": "ppo"}, NASTY: {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}}},
        "decision": [
            {"measure": "final_return", "treatment": NASTY, "control": "PPO", "expect": "greater", "margin": 5}
        ],
        "also": [{"name": "noise", "measure": "entropy", "treatment": NASTY, "control": "PPO", "expect": "less"}],
        "figures": ["learning_curves", "scores", "differences", {"figure": "response", "x": "ent_coef"}],
    }
    return study("made_up", **{**values, **changes})


def make_results(of: Study, points: int = 8, bonus: float = 60.0) -> StudyResults:
    """
    :param of: the study
    :param points: evaluation points
    :param bonus: by how much the arms after the first are better
    :return: all of its runs, finished
    """
    rng = np.random.default_rng(0)
    first = next(iter(of.arms))
    runs = []
    steps = np.linspace(1000 / points, 1000, points)
    for number, variant in enumerate(Plan(of).variants):
        for env in of.environments:
            for seed in of.seeds:
                top = 300 + (bonus if variant.arm.name != first else 0) + rng.normal(0, 10)
                curves = {
                    "deterministic/return": top * (1 - np.exp(-steps / 300)) + rng.normal(0, 5, points),
                    "policy/entropy": 0.7 - steps / 2000 + rng.normal(0, 0.02, points),
                    "train/ent_coef": np.full(points, np.nan),
                }
                definition = {
                    "algorithm": variant.arm.algo,
                    "environment": env,
                    "seed": seed,
                    "hyperparams": {"learning_rate": 0.001, **variant.settings},
                    "versions": {"torch": "2.0", "numpy": "2.1"},
                }
                runs.append(
                    RunView(
                        arm=variant.label,
                        group=variant.arm.name,
                        settings=variant.settings,
                        environment=env,
                        seed=seed,
                        status="finished",
                        run_id=f"{number}-{env}-{seed}",
                        scores=score(steps, curves, of.measures),
                        steps=steps,
                        curves=curves,
                        error=None,
                        definition=definition,
                        recorded={"wall_seconds": 2.0, "commit": "abc", "started": f"at {seed}"},
                    )
                )
    return with_runs(StudyResults(Plan(of), (), judge(Plan(of), _scores([])), 0, "a test"), runs)


def made_of(
    of: Study,
    scores: Mapping[str, Sequence[float]] | None = None,
    runs: Sequence[RunView] = (),
    start: float | None = 0.0,
) -> StudyResults:
    """
    :param of: a study
    :param scores: of the runs by arm, one a seed: where a run's return ends
    :param runs: the runs, instead
    :param start: where each begins, to rise linearly from there to its end; ``None`` if it is level
    :return: these runs, judged
    """
    made = make_results(of, 10)
    ends = {arm: dict(zip(of.seeds, map(float, values), strict=False)) for arm, values in (scores or {}).items()}
    for run in made.runs if scores else ():
        if run.seed in ends[run.arm]:
            end = ends[run.arm][run.seed]
            curve = np.full(10, end) if start is None else np.linspace(start, end, 10)
            curves = {**run.curves, "deterministic/return": curve}
            runs = [*runs, replace(run, curves=curves, scores=score(run.steps, curves, of.measures))]
    return with_runs(made, list(runs))


def with_runs(results: StudyResults, runs: list[RunView]) -> StudyResults:
    """:return: the same study with other runs, judged anew"""
    judged = judge(results.plan, _scores(runs))
    return replace(results, runs=tuple(runs), verdict=judged, missing=results.plan.n_runs - len(runs))


def failed(run: RunView, error: str = TRACEBACK) -> RunView:
    return replace(run, status="failed", scores={}, steps=np.array([]), curves={}, error=error)
