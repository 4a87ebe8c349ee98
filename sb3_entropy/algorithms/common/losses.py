"""
Losses of policies and values: pure functions of arrays, called by the ``_policy_loss`` of each algorithm and, for what
all share, by ``SoftOnPolicyAlgorithm``.

Where a gradient is written out, ``…_gradient`` stands behind its loss; it gives what autograd would, in the order of
its operations. A loss is a mean over the last axis: where a minibatch has the shape (B,), several of one size at once
have the shape (n, B), and n losses. Nothing is noted, drawn or kept. Gradients flow through what the *current* policy
and value give, ``log_prob``, ``entropy`` and ``values``, as far as they have one. Equations are those of Liu, Gu, Liu
2020, arXiv 1912.01557.
"""

from functools import cache

import torch as th
from torch.nn import functional as F

#: keeps advantages that are all alike finite when they are divided by their std, as in Stable-Baselines3
EPSILON = 1e-8

_scalar = cache(th.tensor)
_mse_loss_backward = th.ops.aten.mse_loss_backward.default


def policy_gradient_loss(advantages: th.Tensor, log_prob: th.Tensor) -> th.Tensor:
    """
    −mean(A log π(a|s)), whose gradient is minus the policy gradient (Eqs. 19 and 20).

    :param advantages: A, shape (B,)
    :param log_prob: log π(a|s), shape (B,)
    :return: a scalar
    """
    return -(advantages * log_prob).mean(-1)


def policy_gradient_loss_gradient(advantages: th.Tensor) -> th.Tensor:
    """
    :param advantages: A, shape (B,)
    :return: ∂/∂ log π of :func:`policy_gradient_loss`, −A/B, shape (B,)
    """
    return advantages * (-1 / len(advantages))


def surrogate_loss(advantages: th.Tensor, log_prob: th.Tensor, old_log_prob: th.Tensor) -> th.Tensor:
    """
    −mean(ρ A), with ratio ρ = π(a|s)/π_old(a|s) (Schulman et al. 2015, Eq. 14).

    :param advantages: A, shape (B,)
    :param log_prob: log π(a|s), shape (B,)
    :param old_log_prob: log π_old(a|s), shape (B,)
    :return: a scalar
    """
    return -(advantages * th.exp(log_prob - old_log_prob)).mean(-1)


def clipped_surrogate_loss(
    advantages: th.Tensor, log_prob: th.Tensor, old_log_prob: th.Tensor, clip_range: float
) -> th.Tensor:
    """
    −mean min(ρ A, clip(ρ, 1 − ε, 1 + ε) A), with ratio ρ = π(a|s)/π_old(a|s) (Eqs. 38 and 39; Schulman et al. 2017,
    Eq. 7).

    :param advantages: A, shape (B,)
    :param log_prob: log π(a|s), shape (B,)
    :param old_log_prob: log π_old(a|s), shape (B,)
    :param clip_range: ε > 0
    :return: a scalar
    """
    ratio = th.exp(log_prob - old_log_prob)
    clipped = th.clamp(ratio, 1 - clip_range, 1 + clip_range)
    return -th.min(advantages * ratio, advantages * clipped).mean(-1)


def clipped_surrogate_loss_gradient(
    advantages: th.Tensor, log_prob: th.Tensor, old_log_prob: th.Tensor, clip_range: float
) -> th.Tensor:
    """
    :param advantages: A, shape (B,)
    :param log_prob: log π(a|s), shape (B,)
    :param old_log_prob: log π_old(a|s), shape (B,)
    :param clip_range: ε > 0
    :return: ∂/∂ log π of :func:`clipped_surrogate_loss`, −ρA/B where ρA is the lesser of the two, else 0, shape (B,).
        Where ρ is outside the clip and rounding makes the two equal, it is half of that, as autograd shares it
    """
    ratio = th.exp(log_prob - old_log_prob)
    clipped = th.clamp(ratio, 1 - clip_range, 1 + clip_range)
    free, bounded = advantages * ratio, advantages * clipped
    gradient = th.where(free <= bounded, policy_gradient_loss_gradient(advantages), 0.0) * ratio
    return th.where((free == bounded) & (ratio != clipped), gradient / 2, gradient)


def approximate_kl(log_ratio: th.Tensor) -> th.Tensor:
    """
    mean((ρ − 1) − log ρ), an estimate of KL(π_old ‖ π) from actions of π_old: unbiased, and no term is negative
    (Schulman 2020, http://joschu.net/blog/kl-approx.html, k3).

    :param log_ratio: log ρ = log π(a|s) − log π_old(a|s), shape (B,)
    :return: a scalar in nats
    """
    return ((th.exp(log_ratio) - 1) - log_ratio).mean(-1)


def clip_fraction(log_ratio: th.Tensor, clip_range: float) -> th.Tensor:
    """
    The share of ratios further than ε from 1, whichever way the advantage points.

    :param log_ratio: log ρ = log π(a|s) − log π_old(a|s), shape (B,)
    :param clip_range: ε > 0
    :return: a scalar in [0, 1]
    """
    return (th.abs(th.exp(log_ratio) - 1) > clip_range).float().mean(-1)


def entropy_loss(entropy: th.Tensor) -> th.Tensor:
    """
    −mean H(π(·|s)), which α is put before in Eq. 38.

    :param entropy: H in nats, shape (B,)
    :return: a scalar
    """
    return -entropy.mean(-1)


def entropy_loss_gradient(n: int, coef: float | th.Tensor) -> th.Tensor:
    """
    :param n: B, the number of states
    :param coef: what stands before the loss
    :return: ∂/∂H of coef · :func:`entropy_loss`, −coef/B, a scalar, the same in all states
    """
    return -th.as_tensor(coef, dtype=th.float32) / n


def value_loss(values: th.Tensor, returns: th.Tensor) -> th.Tensor:
    """
    mean (V(s) − R̂)², R̂ the soft λ-return (Eq. 33).

    :param values: V(s), shape (B,)
    :param returns: R̂, shape (B,)
    :return: a scalar
    """
    if values.dim() == 1:
        return F.mse_loss(returns, values)
    return F.mse_loss(returns, values, reduction="none").mean(-1)


def value_loss_gradient(values: th.Tensor, returns: th.Tensor, coef: float) -> th.Tensor:
    """
    :param values: V(s), shape (B,)
    :param returns: R̂, shape (B,)
    :param coef: what stands before the loss
    :return: ∂/∂V of coef · :func:`value_loss`, 2 coef (V − R̂)/B, shape (B,)
    """
    gradient: th.Tensor = _mse_loss_backward(_scalar(coef, dtype=values.dtype), values, returns, 1)
    return gradient


def clipped_values(values: th.Tensor, old_values: th.Tensor, clip_range: float) -> th.Tensor:
    """
    V_old + clip(V − V_old, −ε, ε), to be given to :func:`value_loss`: without gradient where V has moved further, as
    in Stable-Baselines3's ``clip_range_vf``. OpenAI's baselines take the larger of this loss and the plain one.

    :param values: V(s), shape (B,)
    :param old_values: V_old(s), shape (B,)
    :param clip_range: ε > 0, in units of the return
    :return: shape (B,)
    """
    return old_values + th.clamp(values - old_values, -clip_range, clip_range)


def clipped_values_gradient(
    gradient: th.Tensor, values: th.Tensor, old_values: th.Tensor, clip_range: float
) -> th.Tensor:
    """
    :param gradient: ∂L/∂(clipped values), shape (B,)
    :param values: V(s), shape (B,)
    :param old_values: V_old(s), shape (B,)
    :param clip_range: ε > 0
    :return: ∂L/∂V, shape (B,): 0 where V has moved further
    """
    return th.where((values - old_values).abs() <= clip_range, gradient, 0.0)


def normalised(advantages: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
    """
    (A − mean A) / unit, with unit = std A + 10⁻⁸, the std with B − 1 below, as in Stable-Baselines3.

    :param advantages: A, shape (B,) with B ≥ 2
    :return: the normalised advantages, and the unit
    """
    unit = advantages.std(-1) + EPSILON
    return (advantages - advantages.mean(-1)[..., None]) / unit[..., None], unit


def soft_advantages(
    advantages: th.Tensor, old_log_prob: th.Tensor, alpha: float | th.Tensor, centred: bool
) -> th.Tensor:
    """
    A − α log π_old(a|s), what stands in the advantage's place in Eqs. 40 and 41.

    :param advantages: A, shape (B,)
    :param old_log_prob: log π_old(a|s), shape (B,)
    :param alpha: α, in units of A a nat
    :param centred: whether the mean of −α log π_old is subtracted, a baseline that changes no expectation; right where
        A is centred
    :return: shape (B,)
    """
    immediate = -(alpha[..., None] if isinstance(alpha, th.Tensor) else alpha) * old_log_prob
    return advantages + (immediate - immediate.mean(-1)[..., None] if centred else immediate)
