"""
Do two pairs of critics say the same of a state's actions? The cosine of what they say of N of them.

Zhang et al. 2025, SAC-AdaEnt: f and g are the minima of the soft and of the plain pair at N actions of the policy, and
the soft pair teaches the actor where their cosine exceeds ε.
"""

import torch as th

from sb3_entropy.errors import check_choice, check_number

#: what is subtracted of each vector beforehand: its own minimum (the source's code), nothing (its text), its mean
KINDS = ("shifted", "raw", "centred")


def check_kind(kind: object) -> None:
    """
    :param kind: of the similarity
    :raises ValueError: if it is none of ``KINDS``
    """
    check_choice("similarity", kind, KINDS)


def pair_minima(values: th.Tensor) -> th.Tensor:
    """
    :param values: Q(s, a) of G groups of C critics at N actions in B states, shape (G, C, N, B)
    :return: min_c Q(s, a), shape (G, N, B)
    """
    if values.shape[1] == 2:  # the usual case; amin would go through memory with a stride
        return th.minimum(values[:, 0], values[:, 1])
    return values.amin(1)


def cosine_similarity(f: th.Tensor, g: th.Tensor, kind: str = "shifted") -> th.Tensor:
    """
    ⟨f′, g′⟩ / (‖f′‖ ‖g′‖) in each state, where f′ is f − min f, f, or f − mean f; 0 where f′ or g′ is zero.

    :param f: what one says of N actions in B states, shape (N, B)
    :param g: what the other says, likewise
    :param kind: one of ``KINDS``
    :return: shape (B,), in [−1, 1]; shifted, in [0, 1]
    :raises ValueError: if the kind is unknown
    """
    check_kind(kind)
    f, g = _shift(f, kind), _shift(g, kind)
    inner = (f * g).sum(0)
    # Of each its own root: the product of the squares would leave float32's range where neither of them does.
    norms = (f * f).sum(0).sqrt_().mul_((g * g).sum(0).sqrt_())
    return th.where(norms > 0, inner / norms, 0.0).clamp_(-1.0, 1.0)


def similarity(values: th.Tensor, kind: str = "shifted") -> th.Tensor:
    """
    :param values: Q(s, a) of the soft group and of the plain one, shape (2, C, N, B)
    :param kind: one of ``KINDS``
    :return: the cosine of the two groups' minima, shape (B,)
    :raises ValueError: if the kind is unknown
    """
    soft, plain = pair_minima(values)
    return cosine_similarity(soft, plain, kind)


def _shift(f: th.Tensor, kind: str) -> th.Tensor:
    if kind == "shifted":
        return f - f.amin(0)
    if kind == "centred":
        # From one of its own entries first: of a vector of equal entries nothing is left then, not even rounding.
        f = f - f[:1]
        return f - f.mean(0)
    return f


def check_threshold(threshold: float) -> None:
    """
    :param threshold: ε
    :raises TypeError: if it is no number
    :raises ValueError: if it lies outside [−1, 1]
    """
    check_number("similarity_threshold", threshold, low=-1, high=1)


def settled(threshold: float) -> bool | None:
    """
    :param threshold: ε, in [−1, 1]
    :return: whether the soft critics teach in every state, whatever they say: True for ε = −1, False for ε = 1, None
        where the similarity has to be known
    """
    return None if -1 < threshold < 1 else threshold <= -1


def decide(sim: th.Tensor, threshold: float) -> th.Tensor:
    """
    :param sim: in [−1, 1], shape (B,)
    :param threshold: ε, in [−1, 1]
    :return: whether the soft critics teach: sim > ε, and everywhere at ε = −1; shape (B,)
    :raises TypeError: if ε is no number
    :raises ValueError: if it lies outside [−1, 1]
    """
    check_threshold(threshold)
    return th.ones_like(sim, dtype=th.bool) if threshold <= -1 else sim > threshold
