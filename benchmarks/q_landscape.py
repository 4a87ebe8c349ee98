"""
``python -m benchmarks.q_landscape``: what it takes to make a subject of an agent, with the critics that are fitted for
it, and to evaluate landscapes of Q with them.

Processor time on one thread, so that what else runs on the machine counts little. It takes about two minutes.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Before anything imports torch or numpy: their thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch as th
from stable_baselines3 import SAC

from benchmarks.timing import report
from sb3_entropy import SACAdaEnt
from sb3_entropy.landscape.q.actions import candidate_actions
from sb3_entropy.landscape.q.fitting import Fitting
from sb3_entropy.landscape.q.making import subject_of_model
from sb3_entropy.landscape.q.subject import Subject

#: an agent with one action, for the fit, and one with two, for landscapes
ENV, PLANE = "Pendulum-v1", "sb3_entropy_bifurcation:entropy/Obstacle2D-v0"
N_STATES = 8
#: seconds that must not be exceeded: of 32 episodes with three refits of 20,000 updates; of 8 × 41 × 41 × 4 values
FIT_LIMIT, LANDSCAPE_LIMIT = 180.0, 1.0


def fit(updates: int) -> dict[str, Any]:
    """
    :param updates: of each critic
    :return: seconds of all that comes before a score: episodes, six critics, what they are held against
    """
    model = SAC("MlpPolicy", ENV, seed=0, device="cpu")
    start = time.process_time()
    subject = subject_of_model(model, env=ENV, episodes=32, refits=3, updates=updates)
    seconds = time.process_time() - start
    assert subject.calibration is not None
    return {
        "env": ENV,
        "critics": subject.plain.n_critics + (subject.soft.n_critics if subject.soft is not None else 0),
        "updates": updates,
        "seconds": seconds,
        "limit": FIT_LIMIT,
        "calibration": subject.calibration.sentences(),
    }


def landscape(rounds: int) -> dict[str, Any]:
    """
    :param rounds: of which the median is taken
    :return: seconds of Q, and of its gradient, at 41 × 41 actions in 8 states by 2 plain and 2 soft critics: fitted
        ones, and SACAdaEnt's own of 256 × 256
    """
    model = SACAdaEnt("MlpPolicy", PLANE, seed=0, device="cpu", ent_coef=0.1)
    few = Fitting(refits=2, updates=100)
    subjects = {
        "fitted": subject_of_model(model, env=PLANE, own=False, episodes=1, rollout_steps=1000, fitting=few),
        "own": subject_of_model(model, env=PLANE, episodes=1),
    }
    found: dict[str, Any] = {"values": N_STATES * 41 * 41 * 4, "limit": LANDSCAPE_LIMIT}
    for name, subject in subjects.items():
        found[name] = {kind: _seconds(call, rounds) for kind, call in _calls(subject).items()}
    return found


def _calls(subject: Subject) -> dict[str, Callable[[], object]]:
    rows = np.linspace(0, len(subject.visited.episodes) - 1, N_STATES).astype(int)
    states, actions = subject.visited.observations[rows], np.tile(candidate_actions(2), (N_STATES, 1, 1))
    assert subject.soft is not None
    both = (subject.plain, subject.soft)
    calls: dict[str, Callable[[], object]] = {
        "Q": lambda: [critics.values(states, actions) for critics in both],
        "gradient": lambda: [critics.gradients(states, actions) for critics in both],
        "density": lambda: subject.behaviour.log_prob(states, actions),
    }
    known = subject.known
    if known is not None:
        calls["distance from the data"] = lambda: known.far(states, actions)
    return calls


def _seconds(call: Callable[[], object], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0; 1 if a limit is exceeded
    """
    parser = argparse.ArgumentParser("python -m benchmarks.q_landscape", description=__doc__)
    parser.add_argument("--only", choices=("fit", "landscape"), action="append")
    parser.add_argument("--updates", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    th.set_num_threads(1)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "fit": lambda: fit(options.updates),
        "landscape": lambda: landscape(options.rounds),
    }
    results: dict[str, Any] = {name: part() for name, part in parts.items() if name in (options.only or parts)}
    within = results.get("fit", {}).get("seconds", 0.0) <= FIT_LIMIT and all(
        results["landscape"][name]["Q"] <= LANDSCAPE_LIMIT for name in ("fitted", "own") if "landscape" in results
    )
    results["about"] = report.about("python -m benchmarks.q_landscape")
    text = json.dumps(results, indent=1, default=str, ensure_ascii=False)
    print(text)
    if options.json:
        options.json.write_text(text, encoding="utf-8")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
