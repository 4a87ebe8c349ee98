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
        if self.gradients is not None:
            return (weights.unsqueeze(2) * self.gradients).sum(0)
        total = self.x.new_zeros((len(self.x), self.n_actions))
        for critic, own in enumerate(weights):
            rows = own.nonzero()[:, 0]
            if len(rows) == 0:
                continue
            # Of h₀ = x only the number of states is read.
            hidden = [self.x[: len(rows)], *(self._rows(depth, critic, rows) for depth in range(1, len(self.hidden)))]
            one = self.critics.alone(critic)
            gradient = one.action_gradients([layer.unsqueeze(0) for layer in hidden], self.n_actions)[0]
            total.index_add_(0, rows, gradient * own.index_select(0, rows).unsqueeze(1))
        return total

    def _rows(self, depth: int, critic: int, rows: th.Tensor) -> th.Tensor:
        layer = self.hidden[depth][critic]
        return layer if len(rows) == len(layer) else layer.index_select(0, rows)


class FlatStateCritics(StateCritics):
    """
    :param at_sample: G·C critics at the actor's samples
    :param n_groups: G
    :param mean: of the Gaussian before tanh, shape (B, A)
    :param std: its standard deviation, shape (B, A)
    """

    def __init__(self, at_sample: AtSample, n_groups: int, mean: th.Tensor, std: th.Tensor):
        self._at_sample, self._critics = at_sample, at_sample.critics
        self._groups = (n_groups, len(at_sample.critics) // n_groups)
        self.mean, self.std = mean, std
        self._states = at_sample.x[:, : -at_sample.n_actions]
        self.sample = at_sample.x[:, -at_sample.n_actions :]
        self.values_at_sample = at_sample.values.unflatten(0, self._groups)

    @th.no_grad()
    def values(self, actions: th.Tensor, dtype: th.dtype = th.float32) -> th.Tensor:
        """
        The first layer is W_s s + b, once a state, + W_a a.

        :param actions: shape (N, B, A)
        :param dtype: of the hidden layers' products behind the first: th.bfloat16 is about twice as fast, with 8 bits
        :return: Q(s, a), shape (G, C, N, B)
        """
        n_samples, n_states, n_actions = actions.shape
        n_at_once = max(CHUNK // n_states, 1)
        values = actions.new_empty((len(self._critics), n_samples, n_states))
        for critic in range(len(self._critics)):
            layers = [(affine.weight[critic], affine.bias[critic]) for affine, _, _ in self._critics.trunk.layers]
            layers.append((self._critics.head.weight[critic], self._critics.head.bias[critic]))
            weight, bias = layers[0]
            of_states = th.addmm(bias, self._states, weight[:, :-n_actions].t())
            of_actions = weight[:, -n_actions:].t()
            # The last layer has one output: a product of matrix and vector, in float32.
            behind = [(weight.t().to(dtype), bias.to(dtype)) for weight, bias in layers[1:-1]]
            for begin in range(0, n_samples, n_at_once):
                part = actions[begin : begin + n_at_once]
                n_rows = len(part) * n_states
                x = th.mm(part.reshape(n_rows, n_actions), of_actions)
                x.view(len(part), n_states, -1).add_(of_states)
                for depth, (_, activate, _) in enumerate(self._critics.trunk.layers):
                    if depth > 0:
                        x = th.addmm(behind[depth - 1][1], x.to(dtype), behind[depth - 1][0])
                    x = activate(x)
                if behind or self._critics.trunk.layers:
                    x = th.addmv(layers[-1][1].reshape(-1), x.float(), layers[-1][0].reshape(-1))
                values[critic, begin : begin + n_at_once] = x.view(len(part), n_states)
        return values.unflatten(0, self._groups)

    @th.no_grad()
    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        at = AtSample(self._critics, th.cat((self._states, actions), 1), self._at_sample.n_actions)
        return at.values.unflatten(0, self._groups), at.differentiate().unflatten(0, self._groups)

    @th.no_grad()
    def gradients_at_sample(self) -> th.Tensor:
        return self._at_sample.differentiate().unflatten(0, self._groups)
