"""The descent of the family's losses with the networks' gradient written out, and where it pays the loss's too."""

import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch as th
from stable_baselines3.common.type_aliases import RolloutBufferSamples

from sb3_entropy.algorithms.common import losses
from sb3_entropy.algorithms.on_policy.buffers import SoftRollouts
from sb3_entropy.algorithms.on_policy.fast.head import Evaluated, WrittenHead
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy

if TYPE_CHECKING:
    from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm

#: writes the gradient on a minibatch, of which it gets the features too; False to end the update here
WriteGradient = Callable[[RolloutBufferSamples, th.Tensor], bool]


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
        self.descent = self.acting.descent(actor=True, critic=self.algorithm.baseline)
        epoch = self._epoch_by_hand if self._can_by_hand() else partial(self._epoch, self._by_autograd)
        return self._epochs(epoch, batch_size, n_epochs, max_grad_norm)

    def descend_critic(self, batch_size: int | None, n_epochs: int) -> int:
        """The same on the critic's loss alone, without clipping."""
        self.descent = self.acting.descent(actor=False, critic=True)
        return self._epochs(partial(self._epoch, self._of_critic), batch_size, n_epochs, None)

    def _epochs(
        self,
        epoch: Callable[[Iterator[RolloutBufferSamples], float | None], bool],
        batch_size: int | None,
        n_epochs: int,
        max_grad_norm: float | None,
    ) -> int:
        self.descent.begin()
        try:
            for number in range(n_epochs):
                self.algorithm._begin_epoch()
                if not epoch(minibatches(self.algorithm.rollout_buffer, batch_size), max_grad_norm):
                    return number + 1
            return n_epochs
        finally:
            self.descent.end()

    def _epoch(
        self, write_gradient: WriteGradient, batches: Iterator[RolloutBufferSamples], max_grad_norm: float | None
    ) -> bool:
        """:return: False if a minibatch has ended the update"""
        for batch in batches:
            if not write_gradient(batch, self.acting.features(batch.observations)):
                return False
            self.descent.step(max_grad_norm, self.acting.rounding)
        return True

    def _epoch_by_hand(self, batches: Iterator[RolloutBufferSamples], max_grad_norm: float | None) -> bool:
        """
        Every gradient is written out: the loss's by the functions beside it, those of its leaves by the head. The loss
        itself is only noted, so that it is computed for minibatches of one size at once, when they are done; but before
        each one that it may end the update at.
        """
        ends = self.algorithm._may_end_update
        for _, group in itertools.groupby(batches, lambda batch: len(batch.advantages)):
            for several in ([batch] for batch in group) if ends else [list(group)]:
                rows = several[0] if len(several) == 1 else _stacked(several)
                advantages, unit = self.algorithm._advantages(rows)
                made = []
                for row, batch in enumerate(several):
                    of_row = (advantages, unit)
                    if len(several) > 1:
                        of_row = advantages[row], unit[row] if isinstance(unit, th.Tensor) else unit
                    evaluated = self._by_hand(batch, *of_row)
                    if evaluated is None:
                        return False
                    self.descent.step(max_grad_norm, self.acting.rounding)
                    made.append(evaluated)
                if not ends:
                    values, log_prob, entropy = made[0] if len(several) == 1 else map(_stack, zip(*made, strict=True))
                    assert log_prob is not None
                    self.algorithm._loss(rows, advantages, unit, values, log_prob, entropy, None)
        return True

    # ------------------------------------------------------------------ gradients

    def _can_by_hand(self) -> bool:
        is_written = self.algorithm._policy_loss_gradient is not None and isinstance(self.acting.head, WrittenHead)
        return is_written and not self.algorithm.active_regularizers

    def _by_hand(
        self, batch: RolloutBufferSamples, advantages: th.Tensor, unit: float | th.Tensor
    ) -> tuple[th.Tensor | None, th.Tensor, th.Tensor | None] | None:
        """
        Write the gradient of this minibatch into the flat one.

        :return: what its loss is noted from: values, log-probabilities and entropies, shape (B,) each; None if the
            update ends here
        """
        algorithm, head = self.algorithm, self.acting.head
        assert isinstance(head, WrittenHead)
        x = self.acting.features(batch.observations)
        latents = self.acting.trunk.forward(x)
        hidden, values = self._critic_forward(x)
        evaluated = self._evaluate(head.leaves(latents[-1]), batch)
        made = values, evaluated.log_prob, evaluated.entropy
        if algorithm._may_end_update and algorithm._loss(batch, advantages, unit, *made, None) is None:
            return None
        assert algorithm._policy_loss_gradient is not None
        of_log_prob = algorithm._policy_loss_gradient(advantages, evaluated.log_prob, batch)
        of_entropy = None
        if algorithm._adds_entropy:
            of_entropy = losses.entropy_loss_gradient(len(x), algorithm._immediate_alpha(unit))
        self._actor_backward(latents, head.gradients(evaluated, of_log_prob, of_entropy))
        if values is not None:
            self._critic_backward(hidden, values, batch)
        return made

    def _by_autograd(self, batch: RolloutBufferSamples, x: th.Tensor) -> bool:
        """The loss's gradient with respect to values and leaves is autograd's; what lies behind them is written out."""
        algorithm, head = self.algorithm, self.acting.head
        latents = self.acting.trunk.forward(x)
        hidden, values = self._critic_forward(x)
        leaves = tuple(leaf.detach().requires_grad_() for leaf in head.leaves(latents[-1]))
        wanted = leaves if values is None else (*leaves, values.requires_grad_())
        with th.enable_grad():
            evaluated = self._evaluate(leaves, batch)
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

    def _evaluate(self, leaves: tuple[th.Tensor, ...], batch: RolloutBufferSamples) -> Evaluated:
        """What is not finite, the policy finds itself and says so in its own words, before anything learns from it."""
        actions = self.algorithm._actions(batch)
        evaluated = self.acting.head.evaluate(leaves, actions)
        if not math.isfinite(evaluated.log_prob.detach().sum()):
            with th.no_grad():
                self.algorithm.policy.evaluate_actions(batch.observations, actions)
        return evaluated

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


def _stack(parts: tuple[th.Tensor | None, ...]) -> th.Tensor | None:
    return None if parts[0] is None else th.stack(parts)  # type: ignore[arg-type]


def _stacked(batches: list[RolloutBufferSamples]) -> RolloutBufferSamples:
    """:return: n minibatches of one size as rows, shape (n, B); observations and actions are those of the first"""
    scalars = zip(*(batch[2:] for batch in batches), strict=True)
    return RolloutBufferSamples(*batches[0][:2], *map(th.stack, scalars))


def minibatches(buffer: SoftRollouts, batch_size: int | None) -> Iterator[RolloutBufferSamples]:
    """
    ``RolloutBuffer.get``: the same transitions, drawn alike from NumPy's global generator, without a copy of each array
    in each minibatch but of what a matrix product reads.

    :param buffer: a complete rollout
    :param batch_size: transitions a minibatch; None for all
    :return: one minibatch after another
    """
    assert buffer.full
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
