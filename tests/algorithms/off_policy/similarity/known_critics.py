"""Critics that are known functions of the action."""

from collections.abc import Callable

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics


class KnownCritics(StateCritics):
    """
    :param q: from actions (…, B, A) to Q, shape (2, C, …, B)
    :param mean: of the Gaussian, shape (B, A)
    :param std: its standard deviation
    """

    def __init__(self, q: Callable[[th.Tensor], th.Tensor], mean: th.Tensor, std: th.Tensor):
        self.q, self.mean, self.std = q, mean, std
        self.sample = th.tanh(mean + 0.7 * std)
        self.values_at_sample = q(self.sample)
        self.asked = 0.0

    def values(self, actions: th.Tensor, states: th.Tensor | None = None, low_precision: bool = False) -> th.Tensor:
        self.asked += actions.shape[0] * actions.shape[1] / len(self.mean)
        if states is None:
            return self.q(actions)
        of_all = th.zeros(len(actions), *self.mean.shape)
        of_all[:, states] = actions
        return self.q(of_all)[..., states]

    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        self.asked += 2
        with th.enable_grad():
            a = actions.clone().requires_grad_()
            values = self.q(a)
            gradients = [th.autograd.grad(one.sum(), a, retain_graph=True)[0] for one in values.flatten(0, 1)]
        return values.detach(), th.stack(gradients).view(*values.shape, -1)

    def gradients_at_sample(self) -> th.Tensor:
        return self.values_and_gradients(self.sample)[1]


def states(n_states: int = 40, n_actions: int = 3, seed: int = 3) -> tuple[th.Tensor, th.Tensor]:
    """:return: mean and std of a Gaussian, off the origin and of unequal width"""
    generator = th.Generator().manual_seed(seed)
    mean = 0.8 * th.randn(n_states, n_actions, generator=generator) + 0.3
    return mean, 0.2 + 0.8 * th.rand(n_states, n_actions, generator=generator)


def linear(n_states: int = 40, n_actions: int = 3, n_critics: int = 2, seed: int = 5) -> KnownCritics:
    """:return: critics c + g·a, whose pairs are alike but not the same"""
    generator = th.Generator().manual_seed(seed)
    common = th.randn(n_states, n_actions, generator=generator)
    g = common + 0.8 * th.randn(2, n_critics, n_states, n_actions, generator=generator)
    c = 10 * th.randn(2, n_critics, n_states, generator=generator)

    def q(a: th.Tensor) -> th.Tensor:
        more = a.dim() - 2
        slopes, offsets = (x.view(2, n_critics, *[1] * more, *x.shape[2:]) for x in (g, c))
        return offsets + (slopes * a).sum(-1)

    return KnownCritics(q, *states(n_states, n_actions))
