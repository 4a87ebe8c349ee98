"""Entropic bifurcation extensions of random finite processes, and what their certificates say (Zhang et al. 2025)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sb3_entropy.errors import check_choice
from sb3_entropy.mdp import Certificate, TabularMDP, bifurcate, certify, value_iteration
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.jobs.base import Cell, PlainJob, Result, Surroundings, Task
from sb3_entropy.studies.schema import Real, Whole
from sb3_entropy.studies.spec import Arm

#: the least discount factor of a random process, and the greatest
DISCOUNTS = (0.5, 0.99)


class BifurcationArm(Arm):
    """The keys of its arms."""

    alpha: Annotated[Real, Field(gt=0)]
    """the temperature"""
    counts: bool = False
    """whether actions are inserted in whole numbers"""
    processes: Annotated[Whole, Field(ge=1)] = 25
    """how many random processes a seed stands for, of which the worst is recorded"""
    states: Annotated[Whole, Field(ge=2)] = 20
    """how many states a process has, the last of which is absorbing"""
    actions: Annotated[Whole, Field(ge=2)] = 5
    """how many actions"""
    extended: Annotated[Whole, Field(ge=1)] = 1
    """at how many of its states it is extended at once, fewer than it has"""
    measured: bool = False
    """whether it has a discount factor of each state and action, a measure of the actions, and some that are absent"""
    solver: Literal["policy_iteration", "value_iteration"] = "policy_iteration"
    """what solves both processes for the certificate"""


@JOBS.register("bifurcation")
class Bifurcation(PlainJob):
    """
    Random processes, each extended at random states for a random target, and checked.

    The environment's name is ``random``. Seed s stands for the processes m·s … m·s + m − 1, m of them a seed; each is
    drawn with a generator of its own, the same in all arms.
    """

    settings = BifurcationArm
    seeds_at_once = 1000
    in_gymnasium = False
    packages = ("numpy", "scipy")
    series = tuple(
        f"bifurcation/{name}"
        for name in ("holds", "target", "plain_value", "plain_regret", "soft_value", "soft_policy", "moved")
    )

    def check(self, cell: Cell) -> None:
        super().check(cell)
        check_choice("family of processes", cell.environment.env_id, ("random",))
        given = self.settings_of(cell.variant).model_dump()
        if given["extended"] >= given["states"]:
            raise ValueError(
                f"extended: must be less than states, of which one is absorbing, but {given['extended']} was given, "
                f"and states is {given['states']}"
            )

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        given = task.definition["settings"]
        m = int(given["processes"])
        for seed in task.seeds:
            found = [certificate_of(given, number) for number in range(m * seed, m * seed + m)]
            yield Result([1], {f"bifurcation/{name}": [value] for name, value in worst(found).items()})


def certificate_of(given: Mapping[str, Any], number: int) -> Certificate:
    """
    :param given: an arm's settings
    :param number: of the process
    :return: the certificate of its extension
    """
    rng = np.random.default_rng(number)
    mdp = random_process(rng, int(given["states"]), int(given["actions"]), given["measured"])
    states = rng.choice(mdp.n_states - 1, size=int(given["extended"]), replace=False)
    targets = rng.dirichlet(np.ones(mdp.n_actions), size=len(states)) * mdp.present[states]
    targets /= targets.sum(axis=1, keepdims=True)
    alpha, counts = float(given["alpha"]), bool(given["counts"])
    extended, certificate = bifurcate(mdp, states.tolist(), targets, alpha, counts=counts)
    if given["solver"] == "policy_iteration":
        return certificate
    return certify(
        mdp, extended, states, targets, alpha, certificate.tolerance, counts=counts,
        solve=lambda process, tau: value_iteration(process, tau, tolerance=0.0),
    )  # fmt: skip


def random_process(rng: np.random.Generator, n_states: int, n_actions: int, measured: bool) -> TabularMDP:
    """
    :param rng: what it is drawn with
    :param n_states: S, the last of which is absorbing
    :param n_actions: A
    :param measured: whether γ is one of each state and action, and actions have a measure, a fifth of them none
    :return: dense transitions from a flat Dirichlet distribution, rewards from the standard normal one, γ uniform
    """
    S, A = n_states, n_actions
    P, R = rng.dirichlet(np.ones(S), size=(S, A)), rng.normal(size=(S, A))
    P[-1], R[-1] = np.eye(S)[-1], 0.0
    gamma, log_measure = rng.uniform(*DISCOUNTS, size=(S, A)), rng.normal(size=(S, A))
    log_measure[:, 1:][rng.uniform(size=(S, A - 1)) < 0.2] = -np.inf
    rho = rng.dirichlet(np.ones(S))
    return TabularMDP(P, R, rho, gamma, log_measure) if measured else TabularMDP(P, R, rho, float(gamma[0, 0]))


def worst(found: list[Certificate]) -> dict[str, float]:
    """
    :param found: certificates
    :return: whether all hold, the greatest of each deviation, and how far the policy where the process was extended was
        moved, on average, in total variation
    """
    moved = [0.5 * abs(after - before).sum(axis=1).mean() for before, after in (each.policies for each in found)]
    return {
        "holds": float(all(each.holds() for each in found)),
        "target": max(each.target_deviation for each in found),
        "plain_value": max(each.plain_value_deviation for each in found),
        "plain_regret": max(each.plain_regret for each in found),
        "soft_value": max(each.soft_value_deviation for each in found),
        "soft_policy": max(each.soft_policy_deviation for each in found),
        "moved": float(np.mean(moved)),
    }
