"""What a learner does that is sent gradients: it takes a step along them."""

from collections.abc import Sequence

import numpy as np
import torch as th
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.actors.messages import Gradient
from sb3_entropy.algorithms.on_policy.fast.policy import FlatPolicy


def descend(
    policy: ActorCriticPolicy,
    flat_policy: FlatPolicy | None,
    gradients: Sequence[Gradient],
    max_grad_norm: float | None,
) -> None:
    """
    One step of the policy's optimiser along the mean of gradients. Its buffers become the mean of those that came with
    them: a running mean has then moved by the mean of all that the actors have seen.

    :param policy: the learner's
    :param flat_policy: what takes the fast path with it; None for the general one
    :param gradients: of one loss, or of equally long parts of it
    :param max_grad_norm: where the mean's norm is clipped; None for nowhere
    """
    parts = _mean(gradients, list(policy.parameters()))
    if flat_policy is not None and None not in parts:
        descent = flat_policy.descent(actor=True, critic=True)
        descent.begin()
        for own, part in zip(descent.whole.each_gradient, parts, strict=True):
            own.copy_(part)  # type: ignore[arg-type]
        descent.step(max_grad_norm, flat_policy.rounding)
        descent.end()
    else:
        for parameter, part in zip(policy.parameters(), parts, strict=True):
            parameter.grad = part
        if max_grad_norm is not None:
            th.nn.utils.clip_grad_norm_(policy.parameters(), max_grad_norm)
        policy.optimizer.step()
    for held, *sent in zip(policy.buffers(), *(gradient.buffers for gradient in gradients), strict=True):
        held.copy_(th.as_tensor(np.mean(sent, axis=0)))


def _mean(gradients: Sequence[Gradient], parameters: Sequence[th.nn.Parameter]) -> list[th.Tensor | None]:
    """:return: of each parameter the mean of its gradients, where the first has one"""
    exists = gradients[0].exists
    values = gradients[0].values.copy()  # what comes from another process is read-only
    for other in gradients[1:]:
        values += other.values
    if len(gradients) > 1:
        values /= len(gradients)
    learned = [parameter for parameter, has_one in zip(parameters, exists, strict=True) if has_one]
    split = iter(th.from_numpy(values).split([parameter.numel() for parameter in learned]))
    return [
        next(split).view(parameter.shape).to(parameter.device) if has_one else None
        for parameter, has_one in zip(parameters, exists, strict=True)
    ]
