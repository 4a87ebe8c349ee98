"""The stacked critics as functions of the action, in the states of a batch."""

import torch as th

from sb3_entropy.algorithms.common.affine import Room
from sb3_entropy.algorithms.off_policy.fast.critics import StackedCritics
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics

#: actions evaluated at once: as many as keep a layer of 256 numbers an action in a core's own cache
CHUNK = 1024


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
    """

    def __init__(self, at_sample: AtSample, n_groups: int, mean: th.Tensor, std: th.Tensor):
        self._at_sample, self._critics = at_sample, at_sample.critics
        self._room = Room()
        self._groups = (n_groups, len(at_sample.critics) // n_groups)
        self.mean, self.std = mean, std
        self._states = at_sample.x[:, : -at_sample.n_actions]
        self.sample = at_sample.x[:, -at_sample.n_actions :]
        self.values_at_sample = at_sample.values.view(*self._groups, -1)

    @th.no_grad()
    def values(self, actions: th.Tensor, states: th.Tensor | None = None, low_precision: bool = False) -> th.Tensor:
        """
        The first layer is W_s s + b, once a state, + W_a a.

        :param actions: shape (N, B, A)
        :param states: the numbers of those B of the states that are asked about; None for all
        :param low_precision: whether hidden layers behind the first are computed in bfloat16
        :return: Q(s, a), shape (G, C, N, B)
        """
        dtype = th.bfloat16 if low_precision else th.float32
        asked = self._states if states is None else self._states[states]
        values = actions.new_empty((len(self._critics), *actions.shape[:2]))
        for critic, of_critic in enumerate(values):
            self._evaluate(critic, asked, actions, of_critic, dtype)
        return values.view(*self._groups, *actions.shape[:2])

    def _evaluate(self, critic: int, states: th.Tensor, actions: th.Tensor, values: th.Tensor, dtype: th.dtype) -> None:
        """
        :param critic: which
        :param states: shape (B, D)
        :param actions: shape (N, B, A)
        :param values: where to write Q(s, a), shape (N, B)
        :param dtype: of the products between the first and the last
        """
        n_states, n_actions = actions.shape[1:]
        if n_states == 0:
            return
        layers, head = self._critics.trunk.layers, self._critics.head
        affines = [*(affine for affine, _, _ in layers), head]
        (first, *behind), (bias, *biases) = zip(
            *((one.weight[critic], one.bias[critic]) for one in affines), strict=True
        )
        of_states = th.addmm(bias, states, first[:, :-n_actions].t())
        lowered = [(weight.t().to(dtype), bias.to(dtype)) for weight, bias in zip(behind, biases, strict=True)][:-1]
        for begin in range(0, len(actions), max(CHUNK // n_states, 1)):
            rows = slice(begin, begin + max(CHUNK // n_states, 1))
            part = actions[rows].reshape(-1, n_actions)
            x = th.mm(part, first[:, -n_actions:].t(), out=self._room.of(0, len(part), len(first)))
            x.view(-1, *of_states.shape).add_(of_states)
            for depth, (_, activate, _) in enumerate(layers):
                if depth > 0:
                    weight, bias = lowered[depth - 1]
                    out = self._room.of((depth, dtype), len(x), weight.shape[1], dtype=dtype)
                    x = th.addmm(bias, x.to(dtype), weight, out=out).float()
                x = activate(x)
            if layers:  # one output: a product of matrix and vector
                x = th.addmv(biases[-1].view(1), x, behind[-1].view(-1))
            values[rows] = x.view(-1, n_states)

    @th.no_grad()
    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        at = AtSample(self._critics, th.cat((self._states, actions), 1), self._at_sample.n_actions)
        return at.values.view(*self._groups, -1), at.differentiate().view(*self._groups, *actions.shape)

    @th.no_grad()
    def gradients_at_sample(self) -> th.Tensor:
        return self._at_sample.differentiate().view(*self._groups, *self.sample.shape)
