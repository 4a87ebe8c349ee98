"""Exact gradient ascent on a finite process, from many initialisations (Ahmed et al. 2019, Section 3.1 and Fig. 3)."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sb3_entropy.environments import find_env, import_packages
from sb3_entropy.mdp import Ascent, Decay, SoftmaxLinear, TabularMDP, UnstableAscentWarning, gradient_ascent
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.jobs.base import PlainJob, Result, Surroundings, Task
from sb3_entropy.studies.schema import Real, Whole
from sb3_entropy.studies.spec import Arm

#: initialisations that are climbed together. What rounding makes of one depends on how many are beside it, so a block
#: is always done as a whole, whichever of them are wanted
BLOCK = 250

#: one initialisation: the ascent of its block, and where in it
Found = tuple[Ascent, int]


class AscentArm(Arm):
    """The keys of its arms."""

    learning_rate: Annotated[Real, Field(gt=0)] = 0.1
    """the length of a step along the gradient"""
    updates: Annotated[Whole, Field(ge=1)] = 2000
    """how many steps"""
    tau: Annotated[Real, Field(ge=0)] = 0.0
    """the temperature of the first update"""
    decay: Annotated[Real, Field(gt=0, le=1)] = 1.0
    """what the temperature is multiplied with after every update"""
    terminal_entropy: bool = False
    """whether entropy is counted in absorbing states too"""
    optimal_above: Real
    """a return above this counts as optimal, any other as sub-optimal"""
    initialisations: Annotated[Whole, Field(ge=1)] = 1
    """how many a seed stands for, of which means are recorded"""
    points: Annotated[Whole, Field(ge=1)] = 4
    """after how many updates it is looked at, evenly spaced, the last time after the last"""


@JOBS.register("gradient_ascent")
class GradientAscent(PlainJob):
    """
    Exact gradient ascent on a finite process, with a temperature that decays.

    ``θ ← θ + η ∇J_τ(θ)`` for the softmax of a linear layer on states. Seed s stands for the initialisations ``m·s …
    m·s + m − 1``, m of them a seed; initialisation i is drawn with a generator of its own.
    """

    settings = AscentArm
    seeds_at_once = 1000
    series = ("ascent/return", "ascent/entropy", "ascent/suboptimal", "ascent/falls")

    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        process(definition)

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        import_packages(surroundings.packages, surroundings.folder)
        given, m = task.definition["settings"], int(task.definition["settings"]["initialisations"])
        mdp = process(task.definition)
        updates = int(given["updates"])
        at = np.unique(np.linspace(0, updates, int(given["points"]) + 1).round().astype(int)[1:])
        climb = climber(mdp, given, at.tolist())
        wanted = [m * seed + number for seed in task.seeds for number in range(m)]
        found = in_blocks(climb, wanted)
        for seed in task.seeds:
            own = [found[m * seed + number] for number in range(m)]
            returns = np.stack([ascent.returns[:, place] for ascent, place in own])
            entropies = np.stack([ascent.discounted_entropies[:, place] for ascent, place in own])
            falls = np.full(len(at), np.nan)
            falls[-1] = np.mean([ascent.falls[place] for ascent, place in own])
            curves = (
                returns.mean(axis=0),
                entropies.mean(axis=0),
                # One that has diverged has not got there.
                (~(returns > given["optimal_above"])).mean(axis=0),
                falls,
            )
            yield Result(at.tolist(), dict(zip(self.series, map(np.ndarray.tolist, curves), strict=True)))


def process(definition: Mapping[str, Any]) -> TabularMDP:
    """
    :param definition: a run's
    :return: the process behind its environment, with entropy counted where its settings say
    :raises ValueError: if the environment has no model
    """
    env = gym.make(find_env(definition["environment"]), **definition["env_kwargs"])
    try:
        return TabularMDP.from_env(env, terminal_entropy=definition["settings"]["terminal_entropy"])
    finally:
        env.close()


def climber(mdp: TabularMDP, given: Mapping[str, Any], record: Sequence[int]) -> Callable[[int], Ascent]:
    """
    :param mdp: the process
    :param given: ``learning_rate``, ``updates``, ``tau`` and ``decay``
    :param record: after how many updates returns are kept
    :return: what climbs from all initialisations of a block, given its number
    """
    policy = SoftmaxLinear(mdp)

    def climb(block: int) -> Ascent:
        first = block * BLOCK
        theta = np.concatenate([policy.initial(1, np.random.default_rng(first + place)) for place in range(BLOCK)])
        with warnings.catch_warnings():
            # It is of the block. Of every run there is a curve that says how often it fell.
            warnings.simplefilter("ignore", UnstableAscentWarning)
            return gradient_ascent(
                mdp,
                policy,
                theta,
                updates=int(given["updates"]),
                learning_rate=given["learning_rate"],
                tau=Decay(given["tau"], given["decay"]),
                record=record,
            )

    return climb


def in_blocks(climb: Callable[[int], Ascent], wanted: Iterable[int]) -> dict[int, Found]:
    """
    :param climb: what makes a block's ascent of its number
    :param wanted: numbers of initialisations
    :return: each of them, by its number
    """
    numbers: NDArray[np.int64] = np.unique(np.fromiter(wanted, dtype=np.int64))
    found: dict[int, Found] = {}
    for block in np.unique(numbers // BLOCK).tolist():
        ascent = climb(block)
        for number in numbers[numbers // BLOCK == block].tolist():
            found[number] = (ascent, number % BLOCK)
    return found
