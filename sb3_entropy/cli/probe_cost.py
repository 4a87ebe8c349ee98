"""What a probe will cost, and how precise it can be: measured at a few points before it starts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sb3_entropy.errors import last_message
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.landscape.planner import Pilot, duration, expected_half_width, pilot_from, plan_probe
from sb3_entropy.landscape.probes.base import Probe
from sb3_entropy.landscape.probes.perturbations import SURPLUS, Perturbations
from sb3_entropy.store import Store

#: what a rate is measured by: so many episodes of θ₀, of more and more copies until they take that long, in seconds
TIMED_EPISODES, LONG_ENOUGH = 4, 0.5
#: of the pilot
DIRECTIONS, EPISODES, ALPHA = 4, 8, 0.1
#: what is said to be expected of a probe: quantities, and what they are called
_QUANTITIES: dict[str, tuple[tuple[str, str], ...]] = {
    "perturbations": (("slope", "a slope"), ("curvature", "a curvature")),
    "curvature": (("slope", "the slope"), ("curvature", "the curvature")),
    "spectrum": (("curvature", "an end of the spectrum"),),
    "interpolate": (("mean", "the return at a point"),),
    "plane": (("mean", "the return at a point"), ("change", "a small step's change")),
    "line-search": (("mean", "the return at a point"), ("change", "a small step's change")),
}


@dataclass(frozen=True)
class Cost:
    """
    :param each: episodes of one agent under one condition
    :param episodes: of all
    :param sentences: what it will cost, and what precision is to be expected
    """

    each: int
    episodes: int
    sentences: list[str]


def cost_of(
    probe: Probe,
    objectives: Mapping[str, RolloutObjective],
    count: int,
    store: Store,
    wanted: Mapping[str, float] | None = None,
) -> Cost:
    """
    :param probe: what is to be asked
    :param objectives: of what, by condition
    :param count: how often it is asked: conditions × agents
    :param store: where the pilot's returns are kept, of which a probe finds what it needs too
    :param wanted: ``half_width`` or ``effect`` of a curvature, for which it is said how many episodes that takes
    :return: its cost
    """
    first = next(iter(objectives.values()))
    each = probe.cost(first)
    total = each * count
    rate = episodes_per_second(first)
    sentences = [
        f"{total:,} episodes, about {duration(total / rate)} at {_rate(rate)} a second, less what is kept already."
    ]
    for name, objective in objectives.items():
        said = _expected(probe, objective, store)
        sentences.append(f"{name}: {said[0].lower()}{said[1:]}" if name else said)
        if wanted:
            sentences.append(_needed(probe, objective, store, rate, wanted))
    return Cost(each, total, sentences)


def episodes_per_second(objective: RolloutObjective) -> float:
    """
    :param objective: what is looked at
    :return: at which rate episodes of θ₀ are played, as many at a time as it plays at once, or fewer if they are long
    """
    engine = objective.engine
    full = objective.n_candidates * (1 if engine is None else engine.workers)
    theta0, count = objective.theta0, min(full, 1 if engine is None else engine.workers)
    while True:
        # The first time processes are started and environments made, which is not counted.
        seconds = min(_timed(objective, np.tile(theta0, (count, 1))) for _ in range(2))
        if seconds >= LONG_ENOUGH or count >= full:
            return count * TIMED_EPISODES / max(seconds, 1e-9)
        count = min(4 * count, full)


def _timed(objective: RolloutObjective, thetas: np.ndarray) -> float:
    start = time.perf_counter()
    objective.evaluate(thetas, range(TIMED_EPISODES))
    return time.perf_counter() - start


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def _needed(probe: Any, objective: RolloutObjective, store: Store, rate: float, wanted: Mapping[str, float]) -> str:
    alpha = min(probe.alphas)
    returns = Perturbations(DIRECTIONS, alpha, EPISODES, probe.seed).run(objective, store).returns[0]
    try:
        pilot = pilot_from(returns)
    except ValueError as error:
        return last_message(str(error))
    return plan_probe(
        pilot,
        "curvature",
        alpha=alpha,
        directions=probe.directions,
        level=probe.level,
        surplus=float(SURPLUS),
        episodes_per_second=rate,
        **wanted,
    ).sentence


def _expected(probe: Any, objective: RolloutObjective, store: Store) -> str:
    alpha = min(probe.alphas) if isinstance(probe, Perturbations) else getattr(probe, "alpha", ALPHA)
    seed = getattr(probe, "seed", 0)
    n = int(probe.episodes) // 2 if probe.key == "curvature" else int(probe.episodes)
    if n < 2:
        return "With one episode a point nothing is known of noise: give --episodes 2 or more."
    returns = Perturbations(DIRECTIONS, alpha, EPISODES, seed).run(objective, store).returns[0]
    try:
        pilot = pilot_from(returns)
    except ValueError as error:
        return last_message(str(error))
    level, surplus = getattr(probe, "level", 0.95), float(SURPLUS) if probe.key == "perturbations" else 1.0
    widths = ", ".join(
        f"{words} ± {expected_half_width(pilot, quantity, n, alpha=alpha, level=level, surplus=surplus):.3g}"
        for quantity, words in _QUANTITIES[probe.key]
    )
    expected = f"with n = {n} expect {100 * level:g} % intervals of {widths}."
    return f"{_varies(pilot)} between neighbours at α = {alpha:g}: {expected}"


def _varies(pilot: Pilot) -> str:
    return f"Returns vary by {pilot.std:.3g} (standard deviation), with a correlation of {pilot.correlation:.2g}"
