"""The stacked critics as functions of the action, in the states of a batch."""

import torch as th

from sb3_entropy.algorithms.common.affine import Room
from sb3_entropy.algorithms.off_policy.fast.critics import StackedCritics
from sb3_entropy.algorithms.off_policy.fast.samples import SampledCritic, Samples
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics


class AtSample:
    """
    E critics at (s, ã).

    :param critics: the critics
    :param x: (s, ã), shape (B, D + A)
    :param n_actions: A
    :param room: where to keep what is large, until it is given again; None for tensors of its own
    """

    def __init__(self, critics: StackedCritics, x: th.Tensor, n_actions: int, room: Room | None = None):
        self.critics, self.x, self.n_actions, self._room = critics, x, n_actions, room
        #: hidden layers, shape (E, B, …) each, and Q, shape (E, B)
        self.hidden, self.values = critics.forward(x, room)
        self.gradients: th.Tensor | None = None

    def differentiate(self) -> th.Tensor:
        """:return: ∇ₐQ(s, ã), shape (E, B, A), computed once"""
        if self.gradients is None:
            self.gradients = self.critics.action_gradients(self.hidden, self.n_actions, self._room)
        return self.gradients

    def differentiate_where(self, weights: th.Tensor) -> th.Tensor:
        """
        Σ w ∇ₐQ: of each critic in those states alone where it has a weight, unless all have been differentiated anyway.

        :param weights: w, shape (E, B)
        :return: shape (B, A)
        """
        if self.gradients is not None or len(weights) == 1:
            return (weights.unsqueeze(2) * self.differentiate()).sum(0)
        places = weights.reshape(-1).nonzero()[:, 0]
        counts = weights.count_nonzero(1).tolist()
        gradients = self.critics.action_gradients_at(self.hidden, places, counts, self.n_actions, self._room or Room())
        gradients *= weights.reshape(-1, 1).index_select(0, places)
        total = self.x.new_zeros((len(self.x), self.n_actions))
        return total.index_add_(0, places.remainder_(len(self.x)), gradients)


class FlatStateCritics(StateCritics):
    """
    :param at_sample: G·C critics at the actor's samples
    :param n_groups: G
    :param mean: of the Gaussian before tanh, shape (B, A)
    :param std: its standard deviation, shape (B, A)
    :param room: where to keep what is large while it is asked, another than that of ``at_sample``
    """

    def __init__(self, at_sample: AtSample, n_groups: int, mean: th.Tensor, std: th.Tensor, room: Room):
        self._at_sample, self._critics, self._room = at_sample, at_sample.critics, room
        self._groups = (n_groups, len(at_sample.critics) // n_groups)
        self.mean, self.std = mean, std
        self._states = at_sample.x[:, : -at_sample.n_actions]
        self.sample = at_sample.x[:, -at_sample.n_actions :]
        self.values_at_sample = at_sample.values.view(*self._groups, -1)

    @th.no_grad()
    def values(self, actions: th.Tensor, states: th.Tensor | None = None, low_precision: bool = False) -> th.Tensor:
        """
        Where many actions are asked about, by the units that switch within a state's.

        :param actions: shape (N, B, A)
        :param states: the numbers of those B of the states that are asked about; None for all
        :param low_precision: whether hidden layers behind the first are computed in bfloat16
        :return: Q(s, a), shape (G, C, N, B)
        """
        dtype = th.bfloat16 if low_precision else th.float32
        samples = Samples(self._states if states is None else self._states[states], actions)
        values = actions.new_empty((len(self._critics), *actions.shape[:2]))
        for critic, of_critic in enumerate(values):
            of_critic.copy_(
                SampledCritic(self._critics, critic, samples.n_actions, dtype, self._room).evaluate(samples)
            )
        return values.view(*self._groups, *actions.shape[:2])

    @th.no_grad()
    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        x = th.cat((self._states, actions), 1)
        at = AtSample(self._critics, x, self._at_sample.n_actions, self._room)
        return at.values.view(*self._groups, -1), at.differentiate().view(*self._groups, *actions.shape)

    @th.no_grad()
    def gradients_at_sample(self) -> th.Tensor:
        return self._at_sample.differentiate().view(*self._groups, *self.sample.shape)
