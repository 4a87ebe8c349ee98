"""The landscape of the return around what a training has reached, from episodes (Ahmed et al. 2019, Fig. 7a)."""

import io
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.environments import import_packages
from sb3_entropy.landscape.inference import curvatures
from sb3_entropy.landscape.objectives.base import Conditions
from sb3_entropy.landscape.objectives.rollout import RolloutObjective
from sb3_entropy.landscape.probes.perturbations import FoundPerturbations, Perturbations
from sb3_entropy.presets.build import find_algorithm
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.criteria import ArmChoice
from sb3_entropy.studies.identity import installed
from sb3_entropy.studies.jobs.base import Cell, PlainJob, Result, Surroundings, Task
from sb3_entropy.studies.schema import Maybe, Real, Text, Whole
from sb3_entropy.studies.spec import Arm
from sb3_entropy.studies.training import MODEL
from sb3_entropy.studies.training_settings import environment_settings
from sb3_entropy.unpickling.model_zip import checked_copy

#: episodes side by side, part of what an episode is: another number needs another version of the kind
LANES = 4


class RolloutLandscapeArm(Arm):
    """The keys of its arms."""

    of: ArmChoice
    """the arm whose last model is looked at, trained from the same seed"""
    algo: Text
    """that arm's algorithm"""
    std: Maybe[Annotated[Real, Field(ge=0)]] = None
    """the standard deviation of the policy in every state, 0 for its mode; its own if absent"""
    ent_coef: Annotated[Real, Field(ge=0)] = 0.0
    """the temperature of entropy that is added to rewards"""
    directions: Annotated[Whole, Field(ge=1)] = 200
    """how many random directions"""
    alpha: Annotated[Real, Field(gt=0)] = 0.1
    """the step along them"""
    episodes: Annotated[Whole, Field(ge=2)] = 16
    """how many, the same at both ends of every direction"""
    gamma: Annotated[Real, Field(ge=0, le=1)] = 1.0
    """the discount of returns"""
    backend: Literal["gymnasium", "envpool"] = "gymnasium"
    """what steps the environments"""


@JOBS.register("rollout_landscape")
class RolloutLandscape(PlainJob):
    """Random perturbations of a trained policy; the seed, which is its training's, chooses directions and episodes."""

    settings = RolloutLandscapeArm
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"of": (MODEL,)}
    packages = ("numpy", "torch", "stable-baselines3")
    series = tuple(
        f"landscape/{name}"
        for name in (
            "return",
            "improving",
            "slope_std",
            "curvature_mean",
            "curvature_negative",
            "curvature_negative_detectable",
            "curvature_positive_detectable",
            "within_noise",
        )
    )

    def definition(self, cell: Cell, asked: Mapping[str, Any]) -> dict[str, Any]:
        found = super().definition(cell, asked)
        if asked["settings"]["backend"] == "envpool":
            found["versions"] = {**found["versions"], **installed(["envpool"])}
        return found

    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        find_algorithm(definition["settings"]["algo"])

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        import_packages(surroundings.packages, surroundings.folder)
        for seed, files in zip(task.seeds, task.inputs["of"], strict=True):
            model = loaded(files[MODEL], task.definition["settings"]["algo"])
            numbers = looked_at(model, task.definition, seed)
            yield Result([1], {curve: [numbers[curve.partition("/")[2]]] for curve in self.series})


def loaded(content: bytes, algo: str) -> BaseAlgorithm:
    """
    :param content: a model as it was kept
    :param algo: the algorithm's key
    :return: the model
    """
    algorithm = find_algorithm(algo)
    model: BaseAlgorithm = algorithm.load(checked_copy(io.BytesIO(content), MODEL, algorithm=algorithm), device="cpu")
    return model


def looked_at(model: BaseAlgorithm, definition: Mapping[str, Any], seed: int) -> dict[str, float]:
    """
    :param model: what is looked at
    :param definition: a run's
    :param seed: of directions and episodes
    :return: what is found
    """
    given = definition["settings"]
    objective = RolloutObjective(
        model,
        definition["environment"],
        conditions=Conditions(std=given["std"], ent_coef=given["ent_coef"]),
        backend=given["backend"],
        env_kwargs=environment_settings(definition["inputs"]["of"]["hyperparams"], definition["env_kwargs"]),
        gamma=given["gamma"],
        seed=seed,
        n_lanes=LANES,
        n_threads=1,
    )
    try:
        probe = Perturbations(int(given["directions"]), given["alpha"], int(given["episodes"]), seed=seed)
        found = probe.run(objective)
    finally:
        objective.close()
    return {**found.numbers(), **detectable(found)}


def detectable(found: FoundPerturbations) -> dict[str, float]:
    """
    :param found: of an objective with noise
    :return: shares of directions whose curvature's interval, each at the level by itself, lies above 0, or holds it
    """
    low, high = curvatures(found.returns[0]).interval(found.probe.level)
    return {
        "curvature_positive_detectable": float(np.mean(low > 0)),
        "within_noise": float(np.mean((low <= 0) & (high >= 0))),
    }
