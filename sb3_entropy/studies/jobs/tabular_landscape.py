"""The landscape between a sub-optimal solution of a finite process and an optimal one (Ahmed et al. 2019, Fig. 4)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from sb3_entropy.environments import import_packages
from sb3_entropy.landscape.objectives.base import Conditions
from sb3_entropy.landscape.objectives.exact import TabularObjective
from sb3_entropy.landscape.probes.interpolation import Interpolation
from sb3_entropy.landscape.probes.perturbations import Perturbations
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.mdp import SoftmaxLinear, TabularMDP
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.jobs.base import PlainJob, Result, Surroundings, Task
from sb3_entropy.studies.jobs.gradient_ascent import BLOCK, climber, process
from sb3_entropy.studies.schema import Real, Whole
from sb3_entropy.studies.spec import Arm

#: how many blocks of initialisations are tried for want of solutions of one of the two kinds
MOST_BLOCKS = 40


class TabularLandscapeArm(Arm):
    """The keys of its arms."""

    tau: Annotated[Real, Field(ge=0)] = 0.0
    """the temperature under which both solutions are looked at"""
    mix: Annotated[Real, Field(ge=0, lt=1)] = 0.0
    """the share of the uniform policy that is mixed with the policy"""
    terminal_entropy: bool = False
    """whether entropy is counted in absorbing states too"""
    optimal_above: Real
    """a return above this counts as optimal, any other as sub-optimal"""
    learning_rate: Annotated[Real, Field(gt=0)] = 0.1
    """of the ascents, without entropy, that end in the two solutions"""
    updates: Annotated[Whole, Field(ge=1)] = 2000
    """of these ascents"""
    directions: Annotated[Whole, Field(ge=1)] = 200
    """how many random directions at the sub-optimal solution"""
    alpha: Annotated[Real, Field(gt=0)] = 0.5
    """the step along them"""
    margin: Annotated[Real, Field(gt=0)] = 0.001
    """what an improvement must exceed to be counted as ``improving_by_margin``, as a share of the objective there"""
    points: Annotated[Whole, Field(ge=2)] = 81
    """where between the solutions, and as far beyond each as half of the way"""


@JOBS.register("tabular_landscape")
class TabularLandscape(PlainJob):
    """
    Random perturbations and the spectrum at θ_sub, and the line from there to θ_opt, under a temperature and a mixture.
    Seed s takes the s-th of each kind among the ends of ascents without entropy, which go through the initialisations
    of ``gradient_ascent`` in their order.
    """

    settings = TabularLandscapeArm
    seeds_at_once = 1000
    series = tuple(
        f"landscape/{name}"
        for name in (
            "return",
            "improving",
            "improving_by_margin",
            "slope",
            "curvature_mean",
            "curvature_negative",
            "eigenvalue_min",
            "eigenvalue_max",
            "start",
            "end",
            "valley",
            "valley_depth",
            "monotone",
        )
    )

    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        process(definition)

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        import_packages(surroundings.packages, surroundings.folder)
        given = task.definition["settings"]
        mdp = process(task.definition)
        sub, best = solutions(mdp, given, max(task.seeds) + 1)
        conditions = Conditions(ent_coef=given["tau"], mix=given["mix"])
        for seed in task.seeds:
            objective = TabularObjective(mdp, SoftmaxLinear(mdp), sub[seed], conditions=conditions)
            numbers = looked_at(objective, best[seed], given, seed)
            yield Result([1], {curve: [numbers[curve.partition("/")[2]]] for curve in self.series})


def solutions(mdp: TabularMDP, given: Mapping[str, Any], n: int) -> tuple[np.ndarray, np.ndarray]:
    """
    :param mdp: the process
    :param given: ``learning_rate``, ``updates`` and ``optimal_above``
    :param n: how many of each kind
    :return: θ of the first sub-optimal ends, and of the first optimal ones, both of the shape (n, P) or longer
    :raises ValueError: if there are not so many among the first initialisations
    """
    climb = climber(mdp, {**given, "tau": 0.0, "decay": 1.0}, [int(given["updates"])])
    kinds: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for block in range(MOST_BLOCKS):
        ascent = climb(block)
        optimal = ascent.returns[-1] > given["optimal_above"]
        kinds[0].append(ascent.theta[~optimal])
        kinds[1].append(ascent.theta[optimal])
        counts = [sum(map(len, kind)) for kind in kinds]
        if min(counts) >= n:
            return np.concatenate(kinds[0]), np.concatenate(kinds[1])
    raise ValueError(
        f"Of the first {MOST_BLOCKS * BLOCK} initialisations {counts[0]} end at a return of {given['optimal_above']:g} "
        f"or less and {counts[1]} above it, but {n} of each are needed. Choose another optimal_above, or fewer seeds."
    )


def looked_at(objective: TabularObjective, other: np.ndarray, given: Mapping[str, Any], seed: int) -> dict[str, float]:
    """
    :param objective: at θ_sub
    :param other: θ_opt
    :param given: an arm's settings
    :param seed: of the directions
    :return: what the probes say
    """
    found = Perturbations(int(given["directions"]), given["alpha"], seed=seed).run(objective)
    numbers = found.numbers()
    margin = given["margin"] * max(abs(numbers["return"]), 1e-300)
    by_margin = replace(found, probe=replace(found.probe, margin=margin))
    line = Interpolation(other, points=int(given["points"])).run(objective)
    return {
        **numbers,
        "improving_by_margin": by_margin.share("improving").share,
        **Spectrum().run(objective).numbers(),
        **line.numbers(),
    }
