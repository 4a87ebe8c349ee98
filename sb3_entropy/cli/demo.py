"""``sb3-entropy demo``: SPPO and PPO on Pendulum, side by side, in a few minutes on two cores."""

import os
import shutil
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure

from sb3_entropy import SPPO
from sb3_entropy.errors import check_number
from sb3_entropy.presets.library import preset_file, read_presets

ENV = "Pendulum-v1"
ALGORITHMS: dict[str, type[Any]] = {"SPPO": SPPO, "PPO": PPO}
FIGURE = "comparison.png"
TARGET_ENTROPY = 1.0  # nats
EPISODES = 20

_steps_done: Any = None  # in a worker: the steps of every run, shared with the parent


@dataclass(frozen=True)
class Result:
    """How a run ended: mean return of the mode of its policy, and the run's last logged values."""

    algo: str
    mean_return: float
    entropy: float
    temperature: float
    seconds: float


def run_demo(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line
    :return: 0
    """
    parser = ArgumentParser(
        "sb3-entropy demo", description=f"Train SPPO and PPO on {ENV} and compare them in a figure."
    )
    parser.add_argument("-f", "--folder", type=Path, default=Path("demo"), help="where everything goes (default: demo)")
    parser.add_argument("--steps", type=int, default=61440, help="environment steps a run")
    parser.add_argument("--seeds", type=int, default=3, help="runs an algorithm")
    parser.add_argument("--processes", type=int, default=2, help="runs at once, one thread each")
    parser.add_argument(
        "--redraw", action="store_true", help="draw the figure of an earlier demo again, without training"
    )
    given = parser.parse_args(arguments)
    for name in ("steps", "seeds", "processes"):
        check_number(f"--{name}", getattr(given, name), low=1, integer=True)
    if given.redraw:
        print(f"Drawn: {_draw(given.folder, _folders(given.folder))}")
        return 0
    start = time.perf_counter()
    print(f"{given.seeds} runs each of SPPO and PPO on {ENV}, {given.steps:,} steps a run, {given.processes} at once.")
    results = _train_all(given.folder, given.steps, given.seeds, given.processes)
    figure = _draw(given.folder, _folders(given.folder))
    print(f"\n{_table(results)}\n")
    print(f"Figure:      {figure}")
    print(f"TensorBoard: make tensorboard   (or: tensorboard --logdir {given.folder})")
    # In a virtual environment that is not activated the command is not on the path.
    command = (
        "sb3-entropy" if shutil.which("sb3-entropy") else os.path.relpath(Path(sys.executable).parent / "sb3-entropy")
    )
    print(f"Next:        {command} train --algo sppo --env {ENV} --seed 0; {command} list")
    print(f"It took {time.perf_counter() - start:.0f} s.")
    return 0


def settings(algo: str) -> dict[str, Any]:
    """
    :param algo: ``"SPPO"`` or ``"PPO"``
    :return: SPPO's preset; for SPPO with a temperature to look at, for PPO without
    """
    preset = dict(read_presets(preset_file("sppo"))[ENV])
    for key in ("n_timesteps", "ent_coef"):
        del preset[key]
    preset["n_steps"] = 512  # shorter rollouts for a shorter demo
    if algo == "PPO":
        return {**preset, "ent_coef": 0.0}
    # A target that PPO falls below while it learns: there is something to hold.
    return {**preset, "ent_coef": "auto_0.2", "target_entropy": TARGET_ENTROPY, "ent_coef_lr": 2e-4}


def train_run(algo: str, seed: int, steps: int, folder: Path, number: int) -> Result:
    """
    Train one run; its logs and its model go to ``folder``.

    :param algo: ``"SPPO"`` or ``"PPO"``
    :param seed: the run's seed
    :param steps: environment steps
    :param folder: the run's folder, which is emptied first
    :param number: the run's place among the shared counters of steps
    :return: how it ended
    """
    start = time.perf_counter()
    torch.set_num_threads(1)
    shutil.rmtree(folder, ignore_errors=True)
    given = settings(algo)
    env = make_vec_env(ENV, n_envs=given.pop("n_envs", 1), seed=seed)
    model: BaseAlgorithm = ALGORITHMS[algo](given.pop("policy"), env, seed=seed, device="cpu", **given)
    model.set_logger(configure(str(folder), ["csv", "tensorboard"]))
    model.learn(steps, callback=_Count(number))
    model.save(folder / "model.zip")
    # One episode each, all at once: all are equally long.
    mean_return, _ = evaluate_policy(model, make_vec_env(ENV, EPISODES, seed=1000 + seed), n_eval_episodes=EPISODES)
    from sb3_entropy.plots.training_curves import read_run

    run = read_run(folder)
    temperature = 0.0 if algo == "PPO" else _last(run.temperature)
    return Result(algo, float(np.mean(mean_return)), _last(run.entropy), temperature, time.perf_counter() - start)


class _Count(BaseCallback):
    """Tells the parent process how far a run has come."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def _on_step(self) -> bool:
        if _steps_done is not None:
            _steps_done[self.number] = self.num_timesteps
        return True


def _share(steps_done: "SynchronizedArray[int]") -> None:
    """Run in each worker when it starts."""
    global _steps_done  # noqa: PLW0603
    _steps_done = steps_done


def _train_all(folder: Path, steps: int, seeds: int, processes: int) -> list[Result]:
    """All runs, a few at once, under one progress bar an algorithm."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    jobs = [(algo, seed) for seed in range(seeds) for algo in ALGORITHMS]
    for old in folder.glob("*_seed*/"):  # of an earlier demo with more seeds
        shutil.rmtree(old)
    context = get_context("spawn")  # fork would copy torch's threads
    steps_done = context.Array("q", len(jobs))
    columns = (TextColumn("{task.description:>5}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
    with (
        ProcessPoolExecutor(processes, mp_context=context, initializer=_share, initargs=(steps_done,)) as pool,
        Progress(*columns, TimeRemainingColumn(), refresh_per_second=4) as progress,
    ):
        futures: list[Future[Result]] = [
            pool.submit(train_run, algo, seed, steps, folder / f"{algo}_seed{seed}", number)
            for number, (algo, seed) in enumerate(jobs)
        ]
        bars = {algo: progress.add_task(algo, total=seeds * steps) for algo in ALGORITHMS}
        try:
            while wait(futures, timeout=0.25, return_when=FIRST_EXCEPTION).not_done:
                _advance(progress, bars, jobs, steps_done[:], steps)
                if any(future.done() and future.exception() for future in futures):
                    break
            _advance(progress, bars, jobs, steps_done[:], steps)
        finally:
            pool.shutdown(cancel_futures=True)
    return [future.result() for future in futures if not future.cancelled()]


def _advance(progress: Any, bars: dict[str, Any], jobs: list[tuple[str, int]], done: Sequence[int], steps: int) -> None:
    for algo, bar in bars.items():
        progress.update(
            bar, completed=sum(min(n, steps) for (name, _), n in zip(jobs, done, strict=True) if name == algo)
        )


def _folders(folder: Path) -> dict[str, list[Path]]:
    return {algo: sorted(folder.glob(f"{algo}_seed*")) for algo in ALGORITHMS}


def _draw(folder: Path, folders: dict[str, list[Path]]) -> Path:
    from sb3_entropy.plots.training_curves import draw_comparison, read_run, save_comparison

    if not all(folders.values()):
        raise FileNotFoundError(f"There are no runs of the demo in {folder}. Run `sb3-entropy demo` without --redraw.")
    runs = {algo: [read_run(run) for run in of_algo] for algo, of_algo in folders.items()}
    title = f"{ENV}: SPPO tuned to a target entropy, and PPO"
    figure = draw_comparison(runs, title, TARGET_ENTROPY, untempered=["PPO"])
    save_comparison(figure, folder / FIGURE)
    return folder / FIGURE


def _last(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[-1]) if finite.size else float("nan")


def _table(results: Sequence[Result]) -> str:
    lines = [f"{'':6}{'return':>18}{'entropy (nats)':>18}{'temperature':>14}{'seconds a run':>16}"]
    for algo in ALGORITHMS:
        of_algo = [result for result in results if result.algo == algo]
        returns = [result.mean_return for result in of_algo]
        entropy, temperature, seconds = (
            np.mean([getattr(result, name) for result in of_algo]) for name in ("entropy", "temperature", "seconds")
        )
        spread = f"{np.mean(returns):.0f} ± {np.std(returns):.0f}"
        lines.append(f"{algo:6}{spread:>18}{entropy:>18.2f}{temperature:>14.3f}{seconds:>16.0f}")
    lines.append(f"return: deterministic actions, {EPISODES} episodes a run; mean ± standard deviation of the runs")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(run_demo(sys.argv[1:]))
