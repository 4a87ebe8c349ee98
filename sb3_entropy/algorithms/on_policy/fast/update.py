"""The descent of the family's losses with the networks' gradient written out, and where it pays the loss's too."""

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch as th
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from sb3_entropy.algorithms.common import losses
from sb3_entropy.algorithms.common.flat_optimizers import Descent
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy
from sb3_entropy.policies.finite import explain

if TYPE_CHECKING:
    from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm


class Update:
    """
    One update of an algorithm's policy.

    :param algorithm: whose losses are descended
    :param acting: its policy
    """

    def __init__(self, algorithm: "SoftOnPolicyAlgorithm", acting: FlatPolicy):
        self.algorithm, self.acting = algorithm, acting

    def descend(self, batch_size: int | None, n_epochs: int, max_grad_norm: float | None) -> int:
        """
        The loop over epochs and minibatches, on the loss of actor and critic.

        :param batch_size: transitions a minibatch; None for all
        :param n_epochs: passes over the rollout
        :param max_grad_norm: where the gradient's norm is clipped; None for nowhere
        :return: epochs begun
        """
        write = self._by_hand if self._can_by_hand() else self._by_autograd
        descent = self.acting.descent(actor=True, critic=self.algorithm.baseline)
        return self._loop(write, descent, batch_size, n_epochs, max_grad_norm)

    def descend_critic(self, batch_size: int | None, n_epochs: int) -> int:
        """The same on the critic's loss alone, without clipping."""
        return self._loop(self._of_critic, self.acting.descent(False, True), batch_size, n_epochs, None)

    def _loop(
        self,
        write_gradient: Callable[[RolloutBufferSamples, th.Tensor], bool],
        descent: Descent,
        batch_size: int | None,
        n_epochs: int,
        max_grad_norm: float | None,
    ) -> int:
        descent.begin()
        try:
            for epoch in range(n_epochs):
                self.algorithm._begin_epoch()
                for batch in minibatches(self.algorithm.rollout_buffer, batch_size):
                    if not write_gradient(batch, self.acting.features(batch.observations)):
                        return epoch + 1
                    descent.step(max_grad_norm, self.acting.rounding)
                if not descent.whole.values.sum().isfinite():
                    explain(None, self.algorithm.policy, ValueError("a step of the optimizer"))
            return n_epochs
        finally:
            descent.end()

    # ------------------------------------------------------------------ gradients

    def _can_by_hand(self) -> bool:
        of_log_prob, of_entropy = self.acting.head.by_hand
        entropy_too = of_entropy or not self.algorithm._adds_entropy
        is_written = self.algorithm._policy_loss_gradient is not None and of_log_prob and entropy_too
        return is_written and not self.algorithm.active_regularizers

    def _by_hand(self, batch: RolloutBufferSamples, x: th.Tensor) -> bool:
        """Every gradient is written out: the loss's by the functions beside it, those of its leaves by the head."""
        algorithm, head = self.algorithm, self.acting.head
        latents = self.acting.trunk.forward(x)
        hidden, values = self._critic_forward(x)
        evaluated = head.evaluate(head.leaves(latents[-1]), algorithm._actions(batch))
        advantages, unit = algorithm._advantages(batch)
        loss = algorithm._loss(batch, advantages, unit, values, evaluated.log_prob, evaluated.entropy, None)
        if loss is None:
            return False
        assert algorithm._policy_loss_gradient is not None
        of_log_prob = algorithm._policy_loss_gradient(advantages, evaluated.log_prob, batch)
        of_entropy = None
        if algorithm._adds_entropy:
            of_entropy = losses.entropy_loss_gradient(len(x), algorithm._immediate_alpha(unit))
        self._actor_backward(latents, head.gradients(evaluated, of_log_prob, of_entropy))
        if values is not None:
            self._critic_backward(hidden, values, batch)
        return True

    def _by_autograd(self, batch: RolloutBufferSamples, x: th.Tensor) -> bool:
        """The loss's gradient with respect to values and leaves is autograd's; what lies behind them is written out."""
        algorithm, head = self.algorithm, self.acting.head
        latents = self.acting.trunk.forward(x)
        hidden, values = self._critic_forward(x)
        leaves = tuple(leaf.detach().requires_grad_() for leaf in head.leaves(latents[-1]))
        wanted = leaves if values is None else (*leaves, values.requires_grad_())
        with th.enable_grad():
            evaluated = head.evaluate(leaves, algorithm._actions(batch))
            law = head.law(evaluated) if algorithm.active_regularizers else None
            advantages, unit = algorithm._advantages(batch)
            loss = algorithm._loss(batch, advantages, unit, values, evaluated.log_prob, evaluated.entropy, law)
        if loss is None:
            return False
        found = th.autograd.grad(loss, wanted, materialize_grads=True)
        self._actor_backward(latents, found[: len(leaves)])
        if values is not None:
            self.acting.critic.backward(hidden, found[-1][:, None])
        return True

    def _of_critic(self, batch: RolloutBufferSamples, x: th.Tensor) -> bool:
        hidden, values = self._critic_forward(x)
        assert values is not None
        self.algorithm._value_loss(values, batch)
        self._critic_backward(hidden, values, batch, coef=1.0)
        return True

    def _critic_forward(self, x: th.Tensor) -> tuple[list[th.Tensor], th.Tensor | None]:
        if not self.algorithm.baseline:
            return [], None
        critic = self.acting.critic
        hidden = critic.trunk.forward(x)
        return hidden, critic.head.forward(hidden[-1])[:, 0]

    def _actor_backward(self, latents: list[th.Tensor], gradients: tuple[th.Tensor, ...]) -> None:
        self.acting.trunk.backward(latents, self.acting.head.backward(latents[-1], gradients))

    def _critic_backward(
        self, hidden: list[th.Tensor], values: th.Tensor, batch: RolloutBufferSamples, coef: float | None = None
    ) -> None:
        clipped = self.algorithm._clipped_values(values, batch)
        coef = self.algorithm.vf_coef if coef is None else coef
        gradient = losses.value_loss_gradient(clipped, batch.returns, coef)
        if clipped is not values:
            gradient = self.algorithm._clipped_values_gradient(gradient, values, batch)
        self.acting.critic.backward(hidden, gradient[:, None])


def minibatches(buffer: SoftRollouts, batch_size: int | None) -> Iterator[RolloutBufferSamples]:
    """
    ``RolloutBuffer.get``: the same transitions, drawn alike from NumPy's global generator, without a copy of each array
    in each minibatch but of what a matrix product reads.

    :param buffer: a complete rollout
    :param batch_size: transitions a minibatch; None for all
    :return: one minibatch after another
    """
    indices = np.random.permutation(buffer.buffer_size * buffer.n_envs)
    names = ("observations", "actions", "values", "log_probs", "advantages", "returns")
    if not buffer.generator_ready:
        for name in names:
            setattr(buffer, name, buffer.swap_and_flatten(getattr(buffer, name)))
        buffer.generator_ready = True
    size = batch_size or len(indices)
    kept = None if buffer.keep is None else buffer.keep.swapaxes(0, 1).reshape(-1)
    observations, actions, *scalars = (th.from_numpy(getattr(buffer, name)) for name in names)
    ends = [*range(size, len(indices), size), len(indices)]
    if kept is not None:
        is_kept = kept[indices]
        ends = np.cumsum(is_kept)[np.array(ends) - 1].tolist()
        indices = indices[is_kept]
    chosen = th.from_numpy(indices)
    # What is read number by number is gathered at once. What a matrix product reads needs a beginning of its own in
    # memory, on which its sums depend in the last place.
    actions = actions.index_select(0, chosen).float()
    scalars = [scalar.flatten().index_select(0, chosen) for scalar in scalars]
    for start, end in itertools.pairwise([0, *ends]):
        if end > start:
            yield RolloutBufferSamples(
                observations.index_select(0, chosen[start:end]),
                actions[start:end],
                *(scalar[start:end] for scalar in scalars),
            )
