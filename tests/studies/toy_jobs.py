"""Two kinds of runs, one class each, as another package would bring them: an exact ascent and a probe."""

import io
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.studies.criteria import ArmChoice
from sb3_entropy.studies.jobs import PlainJob, Result
from sb3_entropy.studies.measures import Measure
from sb3_entropy.studies.spec import Arm

POINTS = (1, 10, 100)


class AscentArm(Arm):
    rate: Annotated[float, Field(gt=0)] = 1.0
    """the step size"""


@JOBS.register("ascent")
class Ascent(PlainJob):
    """Exact gradient ascent on a bandit with a softmax policy: ∂J/∂θ_a = π_a (r_a − J), all seeds in one array."""

    settings = AscentArm
    seeds_at_once = 1000
    in_gymnasium = False
    series = ("ascent/value",)
    calls: ClassVar[list[int]] = []

    def run(self, task, surroundings):
        self.calls.append(len(task.seeds))
        rewards = np.array(task.definition["env_kwargs"]["rewards"])
        theta = np.stack([np.random.default_rng(seed).normal(size=len(rewards)) for seed in task.seeds])
        values = []
        for step in range(1, POINTS[-1] + 1):
            policy = np.exp(theta) / np.exp(theta).sum(axis=1, keepdims=True)
            value = (policy * rewards).sum(axis=1, keepdims=True)
            theta += task.definition["settings"]["rate"] * policy * (rewards - value)
            if step in POINTS:
                values.append(value[:, 0])
        yield from (Result(POINTS, {"ascent/value": of_seed}) for of_seed in np.stack(values, axis=1))


_VALUE = ("Expected reward after the last step.", "reward", True, Ascent.series)
MEASURES.register("value")(Measure(*_VALUE, lambda steps, values: float(values[-1])))


class DistanceArm(Arm):
    of: ArmChoice
    """the arm whose runs are probed"""
    order: Annotated[float, Field(ge=1)] = 2.0
    """p of the norm"""


@JOBS.register("distance")
class Distance(PlainJob):
    """‖θ_t − θ_T‖_p of a training's snapshots."""

    settings = DistanceArm
    needs: ClassVar = {"of": ("snapshots.npz",)}
    series = ("probe/distance",)

    def run(self, task, surroundings):
        for files in task.inputs["of"]:
            with np.load(io.BytesIO(files["snapshots.npz"])) as kept:
                theta = np.concatenate([kept[name].reshape(len(kept[name]), -1) for name in sorted(kept)], axis=1)
            distances = np.linalg.norm(theta - theta[-1], ord=task.definition["settings"]["order"], axis=1)
            yield Result(range(1, len(theta) + 1), {"probe/distance": distances})


_DISTANCE = ("Distance of the first look from the last.", "", None, Distance.series)
MEASURES.register("distance")(Measure(*_DISTANCE, lambda steps, distances: float(distances[0])))
