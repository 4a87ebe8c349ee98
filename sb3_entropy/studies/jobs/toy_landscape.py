"""Probes of a function of two parameters of which everything is known (Ahmed et al. 2019, Figs. 1 and 2)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from sb3_entropy.errors import check_choice
from sb3_entropy.landscape.directions import random_directions
from sb3_entropy.landscape.objectives.function import FunctionObjective, saddle
from sb3_entropy.landscape.probes.perturbations import Perturbations
from sb3_entropy.landscape.probes.spectrum import Spectrum
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.jobs.base import Cell, PlainJob, Result, Surroundings, Task
from sb3_entropy.studies.schema import Listed, Real, Whole
from sb3_entropy.studies.spec import Arm


class ToyArm(Arm):
    """The keys of its arms."""

    at: Annotated[Listed[Real], Field(min_length=2, max_length=2)]
    """the point that is looked at"""
    directions: Annotated[Whole, Field(ge=1)] = 500
    """how many random directions"""
    alpha: Annotated[Real, Field(gt=0)] = 0.5
    """the step along them"""


def derivatives(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    :param theta: (x, y)
    :return: gradient and Hessian of −(1 − xy)², by hand
    """
    x, y = theta
    left = 1 - x * y
    across = 2 - 4 * x * y
    return 2 * left * np.array([y, x]), np.array([[-2 * y**2, across], [across, -2 * x**2]])


@JOBS.register("toy_landscape")
class ToyLandscape(PlainJob):
    """
    Random perturbations and the spectrum of a function that is known, and by how much they are wrong.

    It is ``O(θ) = −(1 − θ₀θ₁)²``. The environment's name is the function's, ``saddle``; the seed chooses directions.
    """

    settings = ToyArm
    seeds_at_once = 1000
    in_gymnasium = False
    series = tuple(
        f"landscape/{name}"
        for name in (
            "return",
            "improving",
            "curvature_negative",
            "slope_error",
            "curvature_error",
            "eigenvalue_min",
            "eigenvalue_max",
            "is_saddle",
            "is_ridge",
        )
    )

    def check(self, cell: Cell) -> None:
        super().check(cell)
        check_choice("a function's name", cell.environment.env_id, ("saddle",))

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        for seed in task.seeds:
            numbers = looked_at(task.definition["settings"], seed)
            yield Result([1], {f"landscape/{name}": [value] for name, value in numbers.items()})


def looked_at(given: Mapping[str, Any], seed: int) -> dict[str, float]:
    """
    :param given: an arm's settings
    :param seed: of the directions
    :return: what the probes say, and by how much slopes and curvatures are off at most
    """
    at = np.array(given["at"], dtype=np.float64)
    objective = FunctionObjective(saddle, at)
    found = Perturbations(int(given["directions"]), given["alpha"], seed=seed).run(objective)
    spectrum = Spectrum(alpha=given["alpha"]).run(objective)
    gradient, hessian = derivatives(at)
    d = random_directions(2, range(int(given["directions"])), seed)
    kind = spectrum.point.kind
    numbers = {**found.numbers(), **spectrum.numbers()}
    return {
        **{name: numbers[name] for name in ("return", "improving", "curvature_negative")},
        "slope_error": float(np.abs(found.slope[0] - d @ gradient).max()),
        "curvature_error": float(np.abs(found.curvature[0] - np.einsum("ki,ij,kj->k", d, hessian, d)).max()),
        **{name: numbers[name] for name in ("eigenvalue_min", "eigenvalue_max")},
        "is_saddle": float(kind == "saddle"),
        "is_ridge": float(kind == "maximum (not strict)"),
    }
