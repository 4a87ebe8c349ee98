"""An actor that learns: it sends the gradient of the loss on what it has collected."""

import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch as th
from stable_baselines3.common.logger import Logger

from sb3_entropy.algorithms.actors.actor import CollectingActor, Place
from sb3_entropy.algorithms.actors.messages import Fragment, Gradient, Lesson
from sb3_entropy.policies.observations import evenly_spaced, rows_of
from sb3_entropy.regularizers.coefficients import GradientShare
from sb3_entropy.temperature import Temperature

#: observations of a fragment that are sent where all are too many
FEW_STATES = 32


@dataclass
class FollowedCoefficient(Temperature):
    """α, or λ, that somebody else has found."""

    constant: float

    def value(self, progress_remaining: float) -> float:
        return self.constant


@dataclass
class FollowedTunedCoefficient(FollowedCoefficient):
    """One that is tuned there, to what has to be told."""

    is_tuned: ClassVar[bool] = True


class GradientActor(CollectingActor):
    """
    SA2C whose steps somebody else takes (Mnih et al. 2016, Algorithm S3): soft returns by its own critic, the loss of
    actor and critic on the whole fragment, and the gradient of that, neither clipped nor descended.

    All that an update of SA2C begins with comes with the weights, also the policies that regularisers remember: an
    actor itself remembers nothing of the training, and one that takes a dead one's place has nothing to catch up with.

    :param arguments: those of SA2C's constructor, pickled by cloudpickle; of the environments, their recipe
    :param place: which of the actors it is
    """

    def __init__(self, arguments: bytes, place: Place):
        super().__init__(arguments, place)
        self._model.set_logger(Logger(None, []))
        for rule in self._model.active_regularizers:
            if not isinstance(rule.coefficient, GradientShare):
                rule.coefficient = FollowedCoefficient(0.0)

    def _listen(self, lesson: Lesson | None) -> None:
        assert lesson is not None
        self._model.tempering.temperature = lesson.temperature

    def _learn(self, fragment: Fragment, lesson: Lesson | None) -> None:
        assert lesson is not None
        model = self._model
        self._follow_regularizers(lesson)
        model._current_progress_remaining = lesson.progress_remaining
        buffer = model.rollout_buffer
        advantages, returns, entropies = buffer.advantages, buffer.returns, buffer.entropies
        observations = fragment.observations
        model.policy.optimizer.zero_grad()
        model.train()
        values, exists = gradient_of(model.policy.parameters())
        fragment.gradient = Gradient(
            values=values,
            exists=exists,
            buffers=[held.detach().cpu().numpy() for held in model.policy.buffers()],
            notes={name: each[-1].item() for name, each in model.journal.statistics.items()},
            divergences=[rule.seen for rule in model.active_regularizers],
            advantages=advantages,
            returns=returns,
            entropies=entropies,
            states=None if lesson.sends_observations else _a_few(observations, fragment.shape),
        )
        if not lesson.sends_observations:
            fragment.observations = None

    def _follow_regularizers(self, lesson: Lesson) -> None:
        rules = self._model.active_regularizers
        references = [None] * len(rules) if lesson.references is None else pickle.loads(lesson.references)
        for rule, coef, reference in zip(rules, lesson.coefs, references, strict=True):
            if isinstance(rule.coefficient, FollowedCoefficient) and coef is not None:
                rule.coefficient.constant = coef
            if reference is not None:
                reference.begin(self._model.policy)
                rule.reference = reference


def gradient_of(parameters: Iterable[th.nn.Parameter]) -> tuple[np.ndarray, list[bool]]:
    """
    :param parameters: a policy's
    :return: ∂L/∂θ of those that have a gradient, one after another, shape (P,); and whether each has one
    """
    found = [parameter.grad for parameter in parameters]
    parts = [gradient.detach().reshape(-1) for gradient in found if gradient is not None]
    return th.cat(parts).cpu().numpy(), [gradient is not None for gradient in found]


def _a_few(observations: object, shape: tuple[int, int]) -> object:
    """:return: a few of T × N observations, one after another"""
    n_steps, n_envs = shape
    return rows_of(observations, np.divmod(evenly_spaced(n_steps * n_envs, FEW_STATES), n_envs))
