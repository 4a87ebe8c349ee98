"""Models of critics as functions of the action, at N actions in B states, laid out for sums over components."""

import torch as th


def linear_values(values: th.Tensor, gradients: th.Tensor, around: th.Tensor, a: th.Tensor) -> th.Tensor:
    """
    Q(s, a₀) + ∇ₐQ(s, a₀)·(a − a₀).

    :param values: Q(s, a₀), shape (G, C, B)
    :param gradients: ∇ₐQ(s, a₀), shape (G, C, B, A)
    :param around: a₀, shape (B, A)
    :param a: actions, shape (A, N, B)
    :return: shape (G, C, N, B)
    """
    offset = values - (gradients * around).sum(-1)
    g = gradients.permute(3, 0, 1, 2).contiguous().unsqueeze(3)  # (A, G, C, 1, B)
    modelled = th.addcmul(offset.unsqueeze(2), g[0], a[0])
    for k in range(1, len(a)):
        modelled.addcmul_(g[k], a[k])
    return modelled


def direction(vectors: th.Tensor) -> th.Tensor:
    """
    :param vectors: shape (B, A)
    :return: of length 1; the first axis where a vector is zero
    """
    norms = vectors.norm(dim=-1, keepdim=True)
    first = th.zeros_like(vectors)
    first[:, 0] = 1.0
    return th.where(norms > 0, vectors / norms, first)


def common_and_difference(gradients: th.Tensor) -> list[th.Tensor]:
    """
    Where a curvature tells most: along what all critics climb, and along what only one group does.

    :param gradients: of soft and plain critics before tanh, shape (2, C, B, A)
    :return: one direction, or for A > 1 two that are perpendicular, each (B, A); the second is zero where the two
        groups climb the same way
    """
    units = gradients / gradients.norm(dim=-1, keepdim=True).clamp_min(th.finfo(gradients.dtype).tiny)
    common = direction(units.sum((0, 1)))
    if gradients.shape[-1] == 1:
        return [common]
    soft, plain = (direction(group.sum(0)) for group in gradients)
    apart = soft - plain
    apart = apart - (apart * common).sum(-1, keepdim=True) * common
    norms = apart.norm(dim=-1, keepdim=True)
    return [common, th.where(norms > 1e-6, apart / norms, 0.0)]


def bend(x: th.Tensor) -> th.Tensor:
    """
    :param x: ≥ 0
    :return: h(x) = x² up to 1, and its tangent 2x − 1 beyond, where nothing is known: x² would run away
    """
    inner = x.clamp_max(1.0)
    return (2 * x).sub_(inner).mul_(inner)


def bends(t: th.Tensor, radii: tuple[float, ...]) -> list[th.Tensor]:
    """
    :param t: ≥ 0
    :param radii: one, r, or two, r₁ < r₂
    :return: a function for each radius, 1 at its own and 0 at the other's and at 0: h(t/r), as :func:`bend` has it;
        with two, from r₁ on straight through what is wanted at r₂
    """
    inner = bend(t / radii[0])
    if len(radii) == 1:
        return [inner]
    first, second = radii
    hinge = ((t - first) / (second - first)).clamp_min_(0.0)
    return [inner.sub_(hinge, alpha=2 * second / first - 1), hinge]


def add_bends(modelled: th.Tensor, t: th.Tensor, radii: tuple[float, ...], left: th.Tensor) -> None:
    """
    Add what passes through R(±rᵢu) to a model that says 0 there.

    :param modelled: shape (G, C, N, B); changed
    :param t: u·z, shape (N, B)
    :param radii: rᵢ
    :param left: R at r₁u, …, −r₁u, …, shape (G, C, 2·len(radii), B)
    """
    plus, minus = left.chunk(2, dim=2)
    even, odd = (plus + minus).mul_(0.5), (plus - minus).mul_(0.5)
    sign = t.sign()
    for number, function in enumerate(bends(t.abs(), radii)):
        modelled.addcmul_(even[:, :, number].unsqueeze(2), function)
        modelled.addcmul_(odd[:, :, number].unsqueeze(2), function.mul_(sign))
