"""One gradient step with stacked critics, flat parameters and gradients written out."""

import math
from types import NoneType
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.type_aliases import ReplayBufferSamples

from sb3_entropy.algorithms.common.affine import Room
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.fused import rounded_descent
from sb3_entropy.algorithms.off_policy.diverged import DivergedError, check_finite, check_gradients
from sb3_entropy.algorithms.off_policy.fast.actor import FlatActor
from sb3_entropy.algorithms.off_policy.fast.critics import StackedCritics
from sb3_entropy.algorithms.off_policy.fast.replay import can_gather, gather
from sb3_entropy.algorithms.off_policy.fast.states import AtSample, FlatStateCritics
from sb3_entropy.algorithms.off_policy.fast.temperature import TemperatureDescent
from sb3_entropy.algorithms.off_policy.parts import Parts
from sb3_entropy.algorithms.off_policy.path import Path, Penalty
from sb3_entropy.distributions.laws import Law
from sb3_entropy.policies.laws import law_at
from sb3_entropy.temperature import Temperature

#: the losses of the groups, by their keys in the log
CRITIC_LOSSES = ("critic_loss", "plain_critic_loss")


class FlatPath(Path):
    """
    What :class:`Path` says, on parameters that become views of flat tensors, as do the optimisers' states.

    Within rounding of Stable-Baselines3's SAC, from the same random numbers. What is large is written over: the hidden
    layers of a batch by those of the next, and by the gradient of its one step.

    Of the tensors that it works on none has a gradient of autograd's.

    :param parts: such as :func:`~sb3_entropy.algorithms.off_policy.fast.choice.why_general` has nothing to say of
    """

    def __init__(self, parts: Parts):
        self.parts, self.policy = parts, parts.policy
        groups, actors = parts.critics, parts.actors
        self.n_groups, self._critics_a_group = len(groups), len(groups[0].q_networks)
        self.actor, *targets = map(FlatActor, actors)
        #: what draws ã', where that is another than the actor
        self.target_actor = targets[0] if targets else None
        self.critics, self.target_critics = stacked(groups), stacked(parts.target_critics)
        self._ascends = self.target_critics if parts.actor_on_target_critics else self.critics
        #: online and target tensors, in pairs
        self._moving = [(self.critics.flat.values, self.target_critics.flat.values)]
        if self.target_actor is not None:
            self._moving.append((self.actor.flat.values, self.target_actor.flat.values))
        owners = [(parts.policy.actor, self.actor.flat), *((group, self.critics.flat) for group in groups)]
        self._descents = [rounded_descent(owner.optimizer, flat, owner.parameters()) for owner, flat in owners]
        self._actor_descent, *self._critic_descents = self._descents
        self._temperature_descent = TemperatureDescent()
        self._flats = [self.critics.flat, self.target_critics.flat, *(actor.flat for actor in (self.actor, *targets))]
        self._gathers = parts.env is None and can_gather(parts.replay_buffer)
        self._is_box = isinstance(parts.policy.observation_space, spaces.Box)
        modules = [parts.policy, *(module for part in (actors[0], *groups) for module in part.modules())]
        self._attributes = list(map(vars, modules))
        #: what its choice depended on, written and read there
        self.standing: Any = None
        self.seen: list[Any] = []
        #: the ids of what rollouts are collected with while there is no callback, from the first of a training on; None
        #: where there is one, which may change anything
        self.undisturbed: tuple[int, ...] | None = None
        #: of the critics in one pass after another
        self._room = Room()
        #: of the critics where a similarity rule asks
        self._asked_room = Room()
        #: what the actor ascends, in this step
        self._now: AtSample | None = None

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """A copy of a model, or a pickled one, makes its own."""
        return NoneType, ()

    # ------------------------------------------------------------------ whose parameters these are

    def fits(self, parts: Parts) -> bool:
        """
        :param parts: the algorithm's, at present
        :return: whether this would be made of them again: loading gives parameters and optimisers other tensors
        """
        return self.parts.same(parts) and self.holds()

    def is_undisturbed(self, collects: tuple[Any, ...]) -> bool:
        """
        :param collects: what a rollout is collected with
        :return: whether it is what the last one was collected with, of which nobody but the environments has been told
        """
        return self.undisturbed is not None and self.undisturbed == tuple(map(id, collects))

    def holds(self) -> bool:
        """:return: whether parameters and the optimisers' states still are these views"""
        owners = (self.policy.actor, *self.parts.critics)
        return all(flat.holds() for flat in self._flats) and all(
            owner.optimizer is descent.optimizer.optimizer and descent.holds()
            for owner, descent in zip(owners, self._descents, strict=True)
        )

    def is_loaded(self) -> bool:
        """:return: whether parameters or an optimiser's state are others, as loading makes them"""
        loaded = any(descent.optimizer.is_loaded() for descent in self._descents)
        return loaded or not all(flat.holds() for flat in self._flats)

    def release(self) -> None:
        """Give each parameter tensors of its own again, so that no file holds more than them."""
        for flat in self._flats:
            flat.release()
        for descent in self._descents:
            descent.optimizer.release()

    def set_training_mode(self, mode: bool) -> None:
        """
        ``policy.set_training_mode``; none of these modules does otherwise in one mode than in the other.

        :param mode: whether the policy is trained
        """
        if self.undisturbed is not None and self._attributes[-1]["training"] == mode:
            return
        for attributes in self._attributes:
            attributes["training"] = mode

    # ------------------------------------------------------------------ a step in the environment

    def act(self, observations: np.ndarray) -> np.ndarray:
        """
        :param observations: as the environments give them, shape (N, …)
        :return: a ~ π(·|s), in [−1, 1], shape (N, A)
        :raises DivergedError: if it is not a number
        """
        if self._is_box:
            features = observations.reshape(len(observations), -1).astype(np.float32, copy=False)
        else:
            features = self._features(th.from_numpy(observations)).numpy()
        with np.errstate(over="ignore", invalid="ignore"):  # what is not a number is named below
            actions = self.actor.act(features)
        if math.isnan(actions.sum()):
            # The actor finds it itself, and says so in its own words; the generator does not notice.
            with th.random.fork_rng(devices=[]):
                self.policy.actor(th.from_numpy(observations))
            raise DivergedError("action", float("nan"))  # where PyTorch's checks are off, it does not
        return actions

    def _features(self, observations: th.Tensor) -> th.Tensor:
        if self._is_box:
            plain = observations.dtype is th.float32 and observations.dim() == 2
            return observations if plain else observations.float().flatten(1)
        actor = self.policy.actor
        return actor.extract_features(observations, actor.features_extractor)

    # ------------------------------------------------------------------ a gradient step

    def sample(self, batch_size: int) -> ReplayBufferSamples:
        if self._gathers:
            return gather(self.parts.replay_buffer, batch_size)
        return self.parts.replay_buffer.sample(batch_size, env=self.parts.env)

    def begin(self, batch: ReplayBufferSamples) -> None:
        self._now = None
        self._states, self._stored_actions = self._features(batch.observations), batch.actions.float()
        self._next_states = self._features(batch.next_observations)
        self._batch = batch
        n = len(self._states)
        if self.target_actor is None:
            both = self.actor.draw(th.cat((self._states, self._next_states)), 2)
            self._drawn, drawn = both.part(0, n), both.part(n, 2 * n)
        else:
            self._drawn = self.actor.draw(self._states)
            self.temperature_log_prob = self.target_actor.draw(self._states).log_prob.clone()
            drawn = self.target_actor.draw(self._next_states)
        self._next_actions, self.next_log_prob = drawn.actions, drawn.log_prob
        self.log_prob = self._drawn.log_prob
        if self.target_actor is None:
            self.temperature_log_prob = self.log_prob
        self.shape = self.n_groups, self._critics_a_group, len(self.log_prob)

    @property
    def law(self) -> Law:  # type: ignore[override]
        """π(·|s) with autograd's gradient, by one more pass of the policy's own modules, where regularisers ask."""
        with th.enable_grad():
            return law_at(self.policy, self._batch.observations)

    def descend_temperature(self, temperature: Temperature) -> th.Tensor | None:
        return self._temperature_descent.step(temperature, self.temperature_log_prob)

    def next_values(self) -> th.Tensor:
        values = self.target_critics.forward(th.cat((self._next_states, self._next_actions), 1), self._room)[1]
        return self._in_groups(values)

    @th.no_grad()
    def descend_critics(self, targets: th.Tensor) -> th.Tensor:
        hidden, values = self.critics.forward(th.cat((self._states, self._stored_actions), 1), self._room)
        error = self._in_groups(values) - targets.unsqueeze(1)
        losses = error.square().sum((1, 2)).mul_(0.5 / error.shape[2])
        for name, loss in zip(CRITIC_LOSSES, losses, strict=False):
            check_finite(name, loss)
        self.critics.backward(hidden, error.div_(error.shape[2]).view(values.shape), self._room)
        self._check_critics()
        for descent in self._critic_descents:
            descent.step_alone()
        return losses

    def _check_critics(self) -> None:
        flat = self.critics.flat
        try:
            check_gradients(CRITIC_LOSSES[0], [flat.gradients])
        except DivergedError:  # of which group?
            for name, critic in zip(CRITIC_LOSSES, self.parts.critics, strict=False):
                check_gradients(name, [flat.view(flat.gradients, parameter) for parameter in critic.parameters()])
            raise

    def values(self) -> th.Tensor:
        return self._in_groups(self._at_sample(self.parts.actor_on_target_critics).values)

    def state_critics(self, target: bool) -> FlatStateCritics:
        at_sample, drawn = self._at_sample(target), self._drawn
        return FlatStateCritics(at_sample, self.n_groups, drawn.mean, drawn.std, self._asked_room)

    @th.no_grad()
    def descend_actor(self, weights: th.Tensor, alpha: float | th.Tensor, penalty: Penalty | None) -> th.Tensor:
        drawn = self._drawn
        at_sample, weights = self._ascended(weights.flatten(0, 1))
        loss = (alpha * drawn.log_prob - (weights * at_sample.values).sum(0)).mean()
        check_finite("actor_loss", loss)
        self.actor.backward(drawn, at_sample.differentiate_where(weights), alpha)
        if penalty is not None:
            self._add_penalty(penalty, loss)
        check_gradients("actor_loss", [self.actor.flat.gradients])
        self._actor_descent.step_alone()
        return loss

    def move_targets(self, tau: float) -> None:
        for online, target in self._moving:
            target.lerp_(online, tau)

    def _in_groups(self, values: th.Tensor) -> th.Tensor:
        return values.view(self.n_groups, -1, values.shape[1])

    def _ascended(self, weights: th.Tensor) -> tuple[AtSample, th.Tensor]:
        """
        :param weights: w of all critics, shape (E, B)
        :return: the critics at (s, ã), and their weights; where nobody has asked for values, one that teaches alone
            is evaluated alone
        """
        if self._now is None:
            teaching = weights.ne(0).any(1).nonzero()[:, 0].tolist()
            if len(teaching) == 1:
                return self._evaluate(self._ascends.alone(teaching[0]), self._room), weights[teaching]
        return self._at_sample(self.parts.actor_on_target_critics), weights

    def _at_sample(self, target: bool) -> AtSample:
        """:return: those critics at (s, ã); of what the actor ascends once a step"""
        if target != self.parts.actor_on_target_critics:
            return self._evaluate(self.target_critics if target else self.critics, None)
        if self._now is None:
            self._now = self._evaluate(self._ascends, self._room)
        return self._now

    def _evaluate(self, critics: StackedCritics, room: Room | None) -> AtSample:
        return AtSample(critics, th.cat((self._states, self._drawn.actions), 1), self.actor.n_actions, room)

    def _add_penalty(self, penalty: Penalty, loss: th.Tensor) -> None:
        """Its gradient, through the policy's own modules and through the loss, is autograd's."""
        parameters = self.actor.flat.parameters
        of_loss: Any = loss.clone().requires_grad_()
        with th.enable_grad():
            added = penalty(of_loss)
        check_finite("actor_loss", loss + added.detach())
        if not added.requires_grad:
            return
        found = th.autograd.grad(added, [of_loss, *parameters], allow_unused=True, materialize_grads=True)
        gradients = self.actor.flat.gradients
        gradients *= 1 + found[0]
        for parameter, gradient in zip(parameters, found[1:], strict=True):
            self.actor.flat.view(gradients, parameter).add_(gradient)


def stacked(critics: list[ContinuousCritic]) -> StackedCritics:
    """
    :param critics: G of C networks each
    :return: all, group after group
    """
    networks: Any = [network for critic in critics for network in critic.q_networks]
    return StackedCritics(networks, FlatParameters(p for network in networks for p in network.parameters()))
