"""
``python -m benchmarks.mdp``: exact gradient ascent in the gridworld, many initialisations at once, beside a PyTorch
loop that differentiates one after the other by autograd; and the Hessian beside autograd's.

Contestants take turns in one run, and ratios of times that were taken side by side count. It takes about half a minute
on one core; let nothing else run on the machine meanwhile.
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

from benchmarks.timing import report
from benchmarks.timing.intervals import median_interval
from benchmarks.timing.pairs import time_rounds
from sb3_entropy.mdp import ExactObjective, SoftmaxLinear, TabularMDP, gradient_ascent

TAU, RATE = 0.01, 0.1
#: initialisations and updates of one timed run; the loop is timed on so few of them that a round takes a second
TOGETHER, ALONE = (1000, 50), (4, 50)
#: the whole that must not take longer than this, in seconds
WHOLE, LIMIT = (1000, 1500), 25.0


def by_autograd(mdp: TabularMDP) -> Callable[[th.Tensor], th.Tensor]:
    """
    :param mdp: the process
    :return: J_τ of one θ of the linear policy, to be differentiated
    """
    P, R, rho = th.tensor(mdp.P), th.tensor(mdp.R), th.tensor(mdp.rho)
    tau = TAU * th.tensor(mdp.counts_entropy, dtype=th.float64)[:, None]
    (S, A), gamma = mdp.R.shape, float(mdp.gamma)
    identity = th.eye(S, dtype=th.float64)

    def value(theta: th.Tensor) -> th.Tensor:
        log_pi = th.log_softmax(theta[: A * S].view(A, S).T + theta[A * S :], dim=1)
        pi = log_pi.exp()
        paid = (pi * (R - tau * log_pi)).sum(dim=1)
        return rho @ th.linalg.solve(identity - gamma * th.einsum("sa,sat->st", pi, P), paid)

    return value


def loop(mdp: TabularMDP, initial: np.ndarray, updates: int) -> np.ndarray:
    """
    :param mdp: the process
    :param initial: initialisations, shape (K, P)
    :param updates: how many updates
    :return: final parameters, shape (K, P)
    """
    J, final = by_autograd(mdp), []
    for one in initial:
        theta = th.tensor(one, requires_grad=True)
        for _ in range(updates):
            (gradient,) = th.autograd.grad(J(theta), theta)
            with th.no_grad():
                theta += RATE * gradient
        final.append(theta.detach().numpy())
    return np.array(final)


def ascent(rounds: int) -> dict[str, Any]:
    """:return: seconds of an initialisation's update, both ways, and their ratio"""
    mdp = TabularMDP.from_env("entropy/Gridworld-v0")
    policy = SoftmaxLinear(mdp)

    def together(seed: int) -> Callable[[], object]:
        initial = policy.initial(TOGETHER[0], np.random.default_rng(seed))
        return lambda: gradient_ascent(mdp, policy, initial, updates=TOGETHER[1], learning_rate=RATE, tau=TAU)

    def alone(seed: int) -> Callable[[], object]:
        initial = policy.initial(ALONE[0], np.random.default_rng(seed))
        return lambda: loop(mdp, initial, ALONE[1])

    times = time_rounds({"together": together, "autograd": alone}, rounds).cpu
    an_update = {
        "together": [seconds / np.prod(TOGETHER) for seconds in times["together"]],
        "autograd": [seconds / np.prod(ALONE) for seconds in times["autograd"]],
    }
    ratios = [slow / fast for slow, fast in zip(an_update["autograd"], an_update["together"], strict=True)]
    return {
        "microseconds an update": {name: 1e6 * statistics.median(seconds) for name, seconds in an_update.items()},
        "autograd / together": median_interval(ratios).__dict__,
    }


def whole() -> dict[str, Any]:
    """:return: seconds of the ascent that a study does"""
    mdp = TabularMDP.from_env("entropy/Gridworld-v0")
    policy = SoftmaxLinear(mdp)
    initial = policy.initial(WHOLE[0], np.random.default_rng(0))
    wall, cpu = time.perf_counter(), time.process_time()
    gradient_ascent(mdp, policy, initial, updates=WHOLE[1], learning_rate=RATE, tau=TAU)
    seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    return {"initialisations and updates": WHOLE, "seconds": seconds, "limit": LIMIT}


def hessian(rounds: int) -> dict[str, Any]:
    """:return: milliseconds of a Hessian, both ways, and their ratio"""
    mdp = TabularMDP.from_env("entropy/Gridworld-v0")
    policy = SoftmaxLinear(mdp)
    objective, J = ExactObjective(mdp, policy, TAU), by_autograd(mdp)

    def closed(seed: int) -> Callable[[], object]:
        theta = policy.initial(1, np.random.default_rng(seed))[0]
        return lambda: [objective.hessian(theta) for _ in range(20)]

    def autograd(seed: int) -> Callable[[], object]:
        theta = th.tensor(policy.initial(1, np.random.default_rng(seed))[0])
        return lambda: [th.autograd.functional.hessian(J, theta) for _ in range(5)]

    times = time_rounds({"closed": closed, "autograd": autograd}, rounds).cpu
    each = {"closed": [t / 20 for t in times["closed"]], "autograd": [t / 5 for t in times["autograd"]]}
    ratios = [slow / fast for slow, fast in zip(each["autograd"], each["closed"], strict=True)]
    return {
        "parameters": policy.n_parameters,
        "milliseconds": {name: 1e3 * statistics.median(seconds) for name, seconds in each.items()},
        "autograd / closed": median_interval(ratios).__dict__,
    }


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: 0
    """
    parser = argparse.ArgumentParser("python -m benchmarks.mdp", description=__doc__)
    parser.add_argument("--only", choices=("ascent", "whole", "hessian"), action="append")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    th.set_num_threads(1)
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "ascent": lambda: ascent(options.rounds),
        "whole": whole,
        "hessian": lambda: hessian(options.rounds),
    }
    results: dict[str, Any] = {name: part() for name, part in parts.items() if name in (options.only or parts)}
    results["about"] = report.about("python -m benchmarks.mdp")
    print(json.dumps(results, indent=1, default=str))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, default=str), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
