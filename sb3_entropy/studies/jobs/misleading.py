"""Whether entropy has misled an agent, from critics that are fitted after its training (Zhang et al. 2025)."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.environments import import_packages
from sb3_entropy.landscape.q.conclusion import errors_of
from sb3_entropy.landscape.q.critics import Critics
from sb3_entropy.landscape.q.fitting import Fitting
from sb3_entropy.landscape.q.making import subject_of_model
from sb3_entropy.landscape.q.misleading import misleading
from sb3_entropy.landscape.q.smoothness import smoothness
from sb3_entropy.landscape.q.states import visited_states
from sb3_entropy.landscape.q.subject import Subject
from sb3_entropy.presets.build import find_algorithm
from sb3_entropy.registry import JOBS
from sb3_entropy.studies.criteria import ArmChoice
from sb3_entropy.studies.jobs.base import PlainJob, Result, Surroundings, Task
from sb3_entropy.studies.jobs.rollout_landscape import loaded
from sb3_entropy.studies.schema import Real, Text, Whole
from sb3_entropy.studies.spec import Arm
from sb3_entropy.studies.training import MODEL
from sb3_entropy.studies.training_settings import environment_settings

#: visited states in which smoothness is looked at, and points of a line
N_SMOOTH, N_POINTS = 64, 41
#: what a training's file does not hold, and its critics would not see
OUTSIDE = ("normalize", "env_wrapper", "frame_stack")


class MisleadingArm(Arm):
    """The keys of its arms."""

    of: ArmChoice
    """the arm whose last model is looked at, trained from the same seed"""
    algo: Text
    """that arm's algorithm"""
    episodes: Annotated[Whole, Field(ge=2)] = 32
    """of the policy, whose states are looked at"""
    states: Annotated[Whole, Field(ge=1)] = 512
    """how many of them at most, evenly chosen"""
    critical: Annotated[Whole, Field(ge=1)] = 32
    """how many are chosen by one fit as the worst, and judged by the others"""
    rollout_steps: Annotated[Whole, Field(ge=64)] = 10_000
    """played to fit critics to"""
    uniform_share: Annotated[Real, Field(ge=0, le=1)] = 0.25
    """of uniform actions in them"""
    refits: Annotated[Whole, Field(ge=3)] = 3
    """critics of a kind, fitted independently"""
    updates: Annotated[Whole, Field(ge=1)] = 5000
    """steps of gradient descent"""
    width: Annotated[Whole, Field(ge=1)] = 64
    """of both hidden layers of a critic"""


@JOBS.register("misleading")
class MisleadingScore(PlainJob):
    """The misleading score of a trained agent; the seed, which is its training's, is that of episodes and critics."""

    settings = MisleadingArm
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {"of": (MODEL,)}
    packages = ("numpy", "torch", "stable-baselines3")
    series = tuple(
        f"misleading/{name}"
        for name in (
            "score",
            "null",
            "excess",
            "excess_low",
            "excess_high",
            "regret",
            "excess_regret",
            "range",
            "critical_score",
            "critical_null",
            "critical_excess",
            "missed",
            "explained",
            "plain_slope",
            "soft_slope",
            "plain_bend",
            "soft_bend",
        )
    )

    def build(self, definition: Mapping[str, Any], look: bool) -> None:
        find_algorithm(definition["settings"]["algo"])
        trained = definition["inputs"]["of"]["hyperparams"]
        if outside := [key for key in OUTSIDE if trained.get(key)]:
            raise ValueError(
                f"critics are fitted in the bare environment, but the arm that is looked at was trained under "
                f"{outside[0]}={trained[outside[0]]!r}; take it out there"
            )

    def run(self, task: Task, surroundings: Surroundings) -> Iterator[Result]:
        import_packages(surroundings.packages, surroundings.folder)
        for seed, files in zip(task.seeds, task.inputs["of"], strict=True):
            model = loaded(files[MODEL], task.definition["settings"]["algo"])
            numbers = looked_at(model, task.definition, seed)
            yield Result([1], {curve: [numbers[curve.partition("/")[2]]] for curve in self.series})


def looked_at(model: BaseAlgorithm, definition: Mapping[str, Any], seed: int) -> dict[str, float]:
    """
    :param model: what is looked at
    :param definition: a run's
    :param seed: of episodes and critics
    :return: what is found
    """
    given = definition["settings"]
    subject = subject_of_model(
        model,
        env=definition["environment"],
        env_kwargs=environment_settings(definition["inputs"]["of"]["hyperparams"], definition["env_kwargs"]),
        episodes=int(given["episodes"]),
        uniform_share=given["uniform_share"],
        rollout_steps=int(given["rollout_steps"]),
        fitting=Fitting(refits=int(given["refits"]), updates=int(given["updates"]), width=int(given["width"])),
        own=False,
        seed=seed,
    )
    return scored(subject, int(given["states"]), int(given["critical"]))


def lines_smoothness(subject: Subject, critics: Critics) -> tuple[float, float]:
    """
    Along lines through the policy's mode, one a coordinate of the action, each across the whole box.

    :param subject: an agent
    :param critics: of it, each looked at by itself
    :return: slope and bend of :class:`~sb3_entropy.landscape.q.smoothness.Smoothness`, mean over states, lines and
        critics
    """
    states = visited_states(subject.visited, min(N_SMOOTH, len(subject.visited.episodes)))
    modes = np.clip(subject.behaviour.mode(states.observations), -1, 1)
    n_states, n_actions = modes.shape
    lines = np.broadcast_to(modes[:, None, None], (n_states, n_actions, N_POINTS, n_actions)).copy()
    for coordinate in range(n_actions):
        lines[:, coordinate, :, coordinate] = np.linspace(-1, 1, N_POINTS)
    q = critics.values(states.observations, lines.reshape(n_states, -1, n_actions))
    found = [smoothness(each, (2 / (N_POINTS - 1),)) for each in q.reshape(-1, N_POINTS)]
    return float(np.mean([each.slope for each in found])), float(np.mean([each.bend for each in found]))


def scored(subject: Subject, states: int, critical: int) -> dict[str, float]:
    """
    :param subject: an agent with its critics
    :param states: that are looked at, at most
    :param critical: how many of them are called critical; all, if there are no more
    :return: the score's numbers, those in critical states, how far critics are from returns, NaN if that is not known,
        and how smooth they are
    """
    found = misleading(subject, states=states)
    score, null = found.at_critical(min(critical, len(found.episodes)))
    missed, explained = (float("nan"),) * 2 if found.calibration is None else errors_of(found.calibration)
    smooth = {}
    for kind, critics in (("plain", subject.plain), ("soft", subject.soft)):
        assert critics is not None
        smooth[f"{kind}_slope"], smooth[f"{kind}_bend"] = lines_smoothness(subject, critics)
    return {
        **found.numbers(),
        **smooth,
        "critical_score": score,
        "critical_null": null,
        "critical_excess": score - null,
        "missed": missed,
        "explained": explained,
    }
