"""
``python -m benchmarks.studies``: what the study runner costs beside plain ``learn()``, how two workers scale, and how
long a store of 10,000 runs takes to list and to report.

The whole takes about a quarter of an hour on two cores; let nothing else run on the machine meanwhile.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from benchmarks.timing import report
from sb3_entropy.engines import make_engine
from sb3_entropy.presets.build import make_envs, make_model
from sb3_entropy.store import Member, RunRecord, Store
from sb3_entropy.studies.plan import Plan, PlannedRun
from sb3_entropy.studies.runner import run_study
from sb3_entropy.studies.schema import SEED_STRIDE
from sb3_entropy.studies.spec import Study, parse_study

STUDY = """
claim: a benchmark
source: a benchmark
environments: [Pendulum-v1]
timesteps: {timesteps}
seeds: {seeds}
evaluation: {{points: {points}, episodes: {episodes}}}
hyperparams: {{n_envs: 4, n_steps: 512, batch_size: 256, learning_rate: 0.001, gamma: 0.9}}
arms:
  PPO: {{algo: ppo}}
  other: {other}
decision:
  - {{measure: final_return, treatment: other, control: PPO, expect: greater}}
"""


class Quiet:
    """A progress that says nothing."""

    def start(self, planned: int, to_do: list[PlannedRun], left: int) -> None:
        """:param planned: and ``to_do``: not used"""

    def end(self, run: PlannedRun, record: RunRecord) -> None:
        """:param run: and ``record``: not used"""


def swept(*alphas: float) -> str:
    """:return: an arm in YAML: SPPO at these temperatures"""
    return f"{{algo: sppo, sweep: {{ent_coef: {list(alphas)}}}}}"


def make_study(**settings: Any) -> Study:
    """:return: the benchmark's study"""
    given = {"timesteps": 100_000, "seeds": 1, "points": 1, "episodes": 1, "other": swept(0.1), **settings}
    return parse_study("benchmark", STUDY.format(**given), "benchmark.yml")


def timed(work: Callable[[], Any]) -> float:
    """:return: seconds"""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain_learn(run: PlannedRun) -> None:
    """What a user would write by hand."""
    hyperparams, seed = run.definition["hyperparams"], SEED_STRIDE * run.seed
    env = make_envs(run.environment, hyperparams, seed)
    make_model(run.definition["algorithm"], env, hyperparams, seed).learn(run.definition["timesteps"])


def through_runner(study: Study) -> None:
    """The same through the runner and a store, in this process."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "store.sqlite") as store:
        with make_engine("serial") as engine:
            tally = run_study(Plan(study), store, engine, Quiet())
        assert tally.finished == 1


def overhead(seconds: float, pairs: int) -> dict[str, Any]:
    """Plain ``learn()`` and the runner in alternating pairs, each about ``seconds`` long."""
    probe = Plan(make_study(timesteps=10_240)).runs[0]
    plain_learn(probe)  # the first run warms up
    pace = 10_240 / timed(lambda: plain_learn(probe))
    # Two arms that are one and the same run: the runner does it once.
    study = make_study(timesteps=int(pace * seconds), other="{algo: ppo}")
    run = Plan(study).runs[0]
    ratios, plain = [], []
    for pair in range(pairs):
        works = [lambda: plain_learn(run), lambda: through_runner(study)]
        order = (0, 1) if pair % 2 == 0 else (1, 0)
        times = {which: timed(works[which]) for which in order}
        ratios.append(times[1] / times[0])
        plain.append(times[0])
        print(f"  pair {pair + 1}: {times[0]:.2f} s, {times[1]:.2f} s, {ratios[-1]:.4f}", file=sys.stderr, flush=True)
    return {"seconds": statistics.median(plain), "ratios": ratios, "median": statistics.median(ratios)}


def scaling(repeats: int, timesteps: int) -> dict[str, Any]:
    """Runs a second with two workers and with one, in alternating pairs; the workers' start is not counted."""
    study = make_study(timesteps=timesteps, seeds=2, other=swept(0.01, 0.1, 1.0))
    ratios = []
    for repeat in range(repeats):
        times = {}
        for workers in (1, 2) if repeat % 2 == 0 else (2, 1):
            with (
                tempfile.TemporaryDirectory() as folder,
                Store(Path(folder) / "store.sqlite") as store,
                make_engine("process", workers) as engine,
            ):
                warm = make_study(timesteps=2048, seeds=1, other=swept(0.01))
                run_study(Plan(warm.renamed("warm")), store, engine, Quiet())
                times[workers] = timed(lambda s=store, e=engine: run_study(Plan(study), s, e, Quiet()))
        ratios.append(times[1] / times[2])
        print(f"  {times[1]:.1f} s, {times[2]:.1f} s, {ratios[-1]:.3f}", file=sys.stderr, flush=True)
    return {"runs": len(Plan(study).runs), "ratios": ratios, "median": statistics.median(ratios)}


def many_runs(n_runs: int) -> dict[str, Any]:
    """A store of made-up runs: ``study list`` and ``study report`` as a user calls them."""
    alphas = [round(0.001 * 1.5**k, 6) for k in range(19)]
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "many.yml"
        settings = {"timesteps": 100_000, "seeds": n_runs // 20, "points": 20, "episodes": 10}
        file.write_text(STUDY.format(**settings, other=swept(*alphas)))
        study = parse_study("many", file.read_text(), str(file))
        runs = Plan(study).runs
        names = [f"{mode}/{value}" for mode in study.evaluation.modes for value in ("return", "return_std", "length")]
        names += ["policy/entropy", "train/ent_coef"]
        steps = tuple(range(5000, 100_001, 5000))
        with Store(folder / "store.sqlite") as store:
            store.set_members(
                study.name, [Member(study.name, r.variant.label, r.environment, r.seed, r.run_id) for r in runs]
            )
            store.record_all(
                RunRecord(
                    run_id=run.run_id,
                    definition=run.definition,
                    status="finished",
                    scores={"final_return": float(rng.normal(-200, 50))},
                    steps=steps,
                    curves={curve: tuple(map(float, rng.normal(-200, 50, 20))) for curve in names},
                    error=None,
                    recorded={"wall_seconds": 10.0, "commit": "", "python": "", "platform": "", "started": ""},
                )
                for run in runs
            )
        command = [sys.executable, "-m", "sb3_entropy.cli", "study"]
        store_option = ["--store", str(folder / "store.sqlite")]

        def call(*arguments: str) -> float:
            return timed(lambda: subprocess.run([*command, *arguments], check=True, stdout=subprocess.DEVNULL))

        written = call("report", str(file), *store_option, "-f", str(folder / "reports"))
        again = call("report", str(file), *store_option, "-f", str(folder / "reports"))
        listed = [call("list", str(file), *store_option) for _ in range(5)]
        size = (folder / "reports" / "many" / "index.html").stat().st_size
    return {"runs": len(runs), "list": min(listed), "report": min(written, again), "page_mb": size / 1e6}


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    parser = argparse.ArgumentParser("python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--only", choices=("overhead", "scaling", "many"), action="append")
    parser.add_argument("--seconds", type=float, default=60, help="length of a run for the overhead")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    chosen = options.only or ("overhead", "scaling", "many")
    results: dict[str, Any] = {}
    if "many" in chosen:
        results["many"] = many_runs(options.runs)
    if "scaling" in chosen:
        results["scaling"] = scaling(options.repeats, 40_000)
    if "overhead" in chosen:
        results["overhead"] = overhead(options.seconds, options.pairs)
    results["about"] = report.about("python -m benchmarks.studies")
    print(json.dumps(results, indent=1, default=str))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=str), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
