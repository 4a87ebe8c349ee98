"""
``python -m benchmarks.bifurcation``: entropic bifurcation extensions of a thousand processes, certificates included,
and their certificates by policy iteration beside those by value iteration, the same ones in turn.

Processor time counts, which others on the machine disturb less. It takes about half a minute on one core.
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

# Before anything imports numpy: its thread pools read it once.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np

from benchmarks.timing import report
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import time_rounds
from sb3_entropy.mdp import TabularMDP, bifurcate, certify, policy_iteration, value_iteration
from sb3_entropy.mdp.bifurcation_certificate import Solve
from sb3_entropy.studies.jobs.bifurcation import random_process

ALPHA, STATES, ACTIONS = 0.3, 20, 5
#: the whole that must not take longer than this, in seconds
WHOLE, LIMIT = 1000, 10.0
#: processes of one timed round
TOGETHER = 10

#: a process, the state and the target
Case = tuple[TabularMDP, int, np.ndarray]


def cases(first: int, n_cases: int) -> list[Case]:
    """
    :param first: the seed of the first
    :param n_cases: how many
    :return: processes, states and targets
    """
    found = []
    for seed in range(first, first + n_cases):
        rng = np.random.default_rng(seed)
        mdp = random_process(rng, STATES, ACTIONS, measured=False)
        found.append((mdp, int(rng.integers(STATES - 1)), rng.dirichlet(np.ones(ACTIONS))))
    return found


def whole(counts: bool, n_cases: int = WHOLE) -> dict[str, Any]:
    """
    :param counts: whether actions are inserted in whole numbers
    :param n_cases: how many processes
    :return: seconds of extending them, and how many certificates hold
    """
    given = cases(0, n_cases)
    start = time.process_time()
    certificates = [bifurcate(mdp, state, target, ALPHA, counts=counts)[1] for mdp, state, target in given]
    seconds = time.process_time() - start
    return {
        "processes": n_cases,
        "seconds": seconds,
        "limit": LIMIT,
        "held": sum(certificate.holds() for certificate in certificates),
    }


def slowly(mdp: TabularMDP, tau: float) -> Any:
    """
    :param mdp: a process
    :param tau: the temperature
    :return: its optimum by value iteration, until values change by no more than rounding
    """
    return value_iteration(mdp, tau, tolerance=0.0)


def certificates(rounds: int) -> dict[str, Any]:
    """
    :param rounds: how many
    :return: milliseconds of a certificate by either way, and their ratio
    """

    def by(solve: Solve) -> Callable[[int], Callable[[], object]]:
        def prepared(seed: int) -> Callable[[], object]:
            extended = [
                (mdp, bifurcate(mdp, state, target, ALPHA)[0], state, target[None])
                for mdp, state, target in cases(TOGETHER * seed, TOGETHER)
            ]
            return lambda: [
                certify(mdp, longer, [state], target, ALPHA, 1e-9, solve=solve)
                for mdp, longer, state, target in extended
            ]

        return prepared

    times = time_rounds({"policy iteration": by(policy_iteration), "value iteration": by(slowly)}, rounds)
    each = {name: 1e3 * statistics.median(seconds) / TOGETHER for name, seconds in times.cpu.items()}
    ratios = times.ratios("value iteration", "policy iteration", "cpu")
    return {"milliseconds": each, "value iteration / policy iteration": median_interval(ratios).__dict__}


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status: 0, or with ``--strict`` 1 if the limit is not met
    """
    parser = argparse.ArgumentParser("python -m benchmarks.bifurcation", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--processes", type=int, default=WHOLE)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--strict", action="store_true", help="exit with 1 if the limit is not met")
    options = parser.parse_args(arguments)
    results: dict[str, Any] = {
        "measures": whole(False, options.processes),
        "counts": whole(True, options.processes),
        "certificates": certificates(options.rounds),
        "about": report.about("python -m benchmarks.bifurcation"),
    }
    print(json.dumps(results, indent=1, default=str))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=str), encoding="utf-8")
    met = all(results[name]["seconds"] <= LIMIT for name in ("measures", "counts"))
    return 1 if options.strict and not met else 0


if __name__ == "__main__":
    sys.exit(main())
