"""Exact gradient ascent from many initialisations at once, with a temperature that changes from update to update."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sb3_entropy.errors import check_number
from sb3_entropy.mdp.directions import Direction, PlainGradient
from sb3_entropy.mdp.evaluation import chunks
from sb3_entropy.mdp.objective import checked_thetas
from sb3_entropy.mdp.parameters import chart_of
from sb3_entropy.mdp.policies import Policy
from sb3_entropy.mdp.schedules import Schedule, temperatures
from sb3_entropy.mdp.solver import Solver, softmax
from sb3_entropy.mdp.tabular import Array, TabularMDP

#: a fall of the objective below this share of it is taken for rounding
ROUNDING = 1e-9


class UnstableAscentWarning(RuntimeWarning):
    """Steps were too long: updates made the objective less, or led to parameters that are no finite numbers."""


@dataclass(frozen=True, eq=False)
class Ascent:
    """
    What became of K initialisations.

    An ascent with steps that are short enough never falls: ``falls`` says where that was not so, and ``diverged_at``
    where an update led to no finite numbers. There the ascent has stopped: ``theta`` is the last one that was finite,
    and what is recorded from then on is NaN.

    :param theta: final parameters, shape (K, P)
    :param updates: after how many updates the following was recorded, shape (n,)
    :param returns: E[Σ γᵗ r], without entropy, shape (n, K)
    :param discounted_entropies: E[Σ γᵗ H]: ``returns + tau * discounted_entropies`` is J_τ; shape (n, K)
    :param tau: τ of each update, shape (U,)
    :param falls: after how many updates J, at that update's τ, was less than before it, shape (K,)
    :param diverged_at: the update that led to no finite numbers, or −1, shape (K,)
    """

    theta: Array
    updates: NDArray[np.int64]
    returns: Array
    discounted_entropies: Array
    tau: Array
    falls: NDArray[np.int64]
    diverged_at: NDArray[np.int64]


def gradient_ascent(
    mdp: TabularMDP,
    policy: Policy,
    theta: ArrayLike,
    *,
    updates: int,
    learning_rate: float = 0.1,
    tau: float | Schedule = 0.0,
    record: Sequence[int] | None = None,
    direction: Direction | None = None,
) -> Ascent:
    """
    ``θ ← θ + learning_rate · ∇J_τ(θ)``, with the exact gradient, for each initialisation by itself.

    :param mdp: the process
    :param policy: logits as a function of θ
    :param theta: initialisations, shape (K, P), or one, shape (P,)
    :param updates: how many updates U
    :param learning_rate: the length of a step
    :param tau: the temperature, or a schedule: a function of the update's number, such as :class:`Decay`
    :param record: after how many updates J is to be recorded, each from 0 to U; ``None``: before the first and after
        the last
    :param direction: :class:`PlainGradient` (``None``) or :class:`NaturalGradient`
    :return: what became of them
    :raises TypeError: if an argument is of another type
    :raises ValueError: if one is out of its range
    :warns UnstableAscentWarning: if an update makes J less at that update's τ, or leads to no finite numbers
    """
    thetas, _ = checked_thetas(theta, policy.n_parameters)
    check_number("updates", updates, 1, integer=True)
    check_number("learning_rate", learning_rate, 0.0, open_low=True)
    wanted = [0, int(updates)] if record is None else list(record)
    for place, after in enumerate(wanted):
        check_number(f"record[{place}]", after, 0, updates, integer=True)
    at = np.unique(np.array(wanted, dtype=np.int64))
    taus = temperatures(tau, int(updates))
    ascent = Ascent(
        theta=np.empty_like(thetas),
        updates=at,
        returns=np.full((len(at), len(thetas)), np.nan),
        discounted_entropies=np.full((len(at), len(thetas)), np.nan),
        tau=taus,
        falls=np.zeros(len(thetas), dtype=np.int64),
        diverged_at=np.full(len(thetas), -1, dtype=np.int64),
    )
    climb = _Climb(mdp, policy, float(learning_rate), direction or PlainGradient())
    for rows in chunks(len(thetas), mdp):
        climb(ascent, rows, np.ascontiguousarray(thetas[rows].T))
    _warn_of_long_steps(ascent, learning_rate)
    return ascent


class _Climb:
    """The ascent of as many initialisations as are done at once."""

    def __init__(self, mdp: TabularMDP, policy: Policy, learning_rate: float, direction: Direction):
        self.learning_rate = learning_rate
        self.solver, self.chart = Solver(mdp), chart_of(policy)
        self.step = direction.of(mdp, policy, self.solver, self.chart)

    def __call__(self, ascent: Ascent, rows: slice, theta: Array) -> None:
        """
        :param ascent: what is filled in
        :param rows: which initialisations
        :param theta: the same, shape (P, k); it is written to
        """
        falls, diverged_at = ascent.falls[rows], ascent.diverged_at[rows]
        places = {int(after): place for place, after in enumerate(ascent.updates)}
        aimed_at = np.full(theta.shape[1], -np.inf)
        with np.errstate(all="ignore"):
            for update in range(len(ascent.tau) + 1):
                # After the last update values are of interest, and the temperature is not.
                tau = float(ascent.tau[min(update, len(ascent.tau) - 1)])
                policies = softmax(self.chart.logits(theta), self.solver.measure)
                solution = self.solver.solve(policies, tau, rows.start)
                going = diverged_at < 0
                if update:
                    before = float(ascent.tau[update - 1])
                    reached = solution.returns + before * solution.discounted_entropies
                    falls += going & (reached < aimed_at - ROUNDING * np.maximum(abs(aimed_at), 1.0))
                if update in places:
                    ascent.returns[places[update], rows] = np.where(going, solution.returns, np.nan)
                    ascent.discounted_entropies[places[update], rows] = np.where(
                        going, solution.discounted_entropies, np.nan
                    )
                if update == len(ascent.tau):
                    break
                aimed_at = solution.returns + tau * solution.discounted_entropies
                step = self.step(theta, policies, tau, solution)
                step *= self.learning_rate
                step += theta
                lost = ~np.isfinite(step.sum(axis=0))
                if lost.any():
                    diverged_at[lost & going] = update
                    step[:, lost] = theta[:, lost]
                theta = step
        ascent.theta[rows] = theta.T


def _warn_of_long_steps(ascent: Ascent, learning_rate: float) -> None:
    n, lost, fell = len(ascent.theta), np.flatnonzero(ascent.diverged_at >= 0), np.flatnonzero(ascent.falls)
    found = []
    if len(lost):
        first = lost[ascent.diverged_at[lost].argmin()]
        update = ascent.diverged_at[first]
        found.append(
            f"{len(lost)} of {n} initialisations led to no finite numbers, the first, number {first}, in update "
            f"{update}, at τ = {ascent.tau[update]:g}. They have stopped there."
        )
    if len(fell):
        most = int(ascent.falls.argmax())
        found.append(
            f"The objective fell in updates of {len(fell)} of {n} initialisations, most often, {ascent.falls[most]} "
            f"times, of number {most}: the steps were too long."
        )
    if found:
        advice = f"The learning rate was {learning_rate:g}. Give a smaller one, or a lower temperature."
        warnings.warn(" ".join([*found, advice]), UnstableAscentWarning, stacklevel=3)
