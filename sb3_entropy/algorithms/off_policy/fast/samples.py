"""One critic at many actions in each state, in fewer products than one a pair of state and action."""

from typing import Any

import torch as th
from torch import nn

from sb3_entropy.algorithms.common.affine import Room
from sb3_entropy.algorithms.common.networks import ACTIVATIONS
from sb3_entropy.algorithms.off_policy.fast.critics import StackedCritics

#: numbers of a layer at once: as many as stay in a core's own cache
CHUNK = 1 << 18
#: states at once: each takes (A + 1)(H + H₂) numbers, which a large batch should not fill the memory with
STATES = 1024
#: up to which share of the plain products those of the switching units are the sooner done, gathering included
PAYS = 0.8
#: samples a state below which gathering rows for each state costs more than it saves
FEWEST = 64
#: what is done beside the products, in as many multiplications as take its time, measured at widths of 8 to 400: with a
#: unit at a sample where all take part, with one where its row is gathered, with a state, and with a critic's states
UNIT, GATHERED_UNIT, STATE, CALL = 40, 120, 50_000, 20_000_000
#: what a multiplication in low precision takes of the time of another
LOW = 0.6
RELU = ACTIVATIONS[nn.ReLU][0]


class Samples:
    """
    N actions in each of B states.

    :param states: shape (B, D)
    :param actions: shape (N, B, A)
    """

    def __init__(self, states: th.Tensor, actions: th.Tensor):
        self.states, self.actions = states, actions
        self.n_samples, self.n_states, self.n_actions = actions.shape
        self._box: tuple[th.Tensor, th.Tensor, th.Tensor] | None = None

    def box(self) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """
        :return: of each state's actions the lowest and the width in every component, each (B, A), and how far they lie
            above the lowest, shape (B, A, N)
        """
        if self._box is None:
            low = self.actions.amin(0)
            self._box = low, self.actions.amax(0).sub_(low), (self.actions - low).permute(1, 2, 0).contiguous()
        return self._box

    def some(self, chosen: th.Tensor) -> "Samples":
        """
        :param chosen: numbers of states
        :return: the actions in these
        """
        return Samples(self.states[chosen], self.actions[:, chosen])


class SampledCritic:
    """
    Q_e(s, a) of one critic.

    The first layer is W_s s + b, once a state, + W_a a, and most of its rectified units are on at all actions of a
    state, or off at all. Those that are on are an affine function of the action together, c + M(a − a_low), whose
    products with the second layer are A + 1 a state; those that are off are nothing. What remains are the k units
    that switch: the second layer's N products of H numbers a state become N of k + A + 1. Which do is told by the
    range of the actions in each component, so that some are counted that do not.

    :param critics: all
    :param critic: e
    :param n_actions: A
    :param dtype: of the products between the first layer and the last
    :param room: where to keep what is large
    """

    def __init__(self, critics: StackedCritics, critic: int, n_actions: int, dtype: th.dtype, room: Room):
        layers: list[Any] = critics.trunk.layers
        affines = [*(affine for affine, _, _ in layers), critics.head]
        weights, biases = zip(*((one.weight[critic], one.bias[critic].view(-1)) for one in affines), strict=True)
        self.activations = [activate for _, activate, _ in layers]
        self.of_states, self.of_actions, self.bias = weights[0][:, :-n_actions], weights[0][:, -n_actions:], biases[0]
        self.weights, self.biases = weights[1:], biases[1:]
        #: of the hidden layers behind the first
        self.lowered = [
            (weight.t().to(dtype), bias.to(dtype)) for weight, bias in zip(self.weights, self.biases, strict=True)
        ][:-1]
        self.dtype, self.room = dtype, room
        #: of a layer at once
        self.n_rows = max(CHUNK // max((len(bias) for bias in biases[:-1]), default=1), 1)

    def evaluate(self, samples: Samples) -> th.Tensor:
        """
        :param samples: N actions in each of B states
        :return: Q(s, a), shape (N, B)
        """
        most, saved = self._most(samples)
        if most < 0 or most * samples.n_states * saved <= CALL:
            return self.evaluate_all(samples)
        low, width, _ = samples.box()
        at_low = th.addmm(self.bias, samples.states, self.of_states.t()).addmm_(low, self.of_actions.t())
        on = th.addmm(at_low, width, self.of_actions.clamp(max=0).t()) >= 0
        switch = (th.addmm(at_low, width, self.of_actions.clamp(min=0).t()) > 0).logical_and_(on.logical_not())
        counts, order = switch.sum(1).sort(descending=True)
        if float((most - counts).clamp_(min=0).sum()) * saved <= CALL:
            return self.evaluate_all(samples)
        n_all = int((counts > most).sum())
        values = samples.actions.new_empty((samples.n_samples, samples.n_states))
        if n_all:
            rest = order[:n_all]
            values[:, rest] = self.evaluate_all(samples.some(rest))
        if n_all < len(order):
            for few, of_few in zip(order[n_all:].split(STATES), counts[n_all:].split(STATES), strict=True):
                found = self._evaluate_switching(samples, few, at_low[few], on[few], switch[few], of_few.tolist())
                values[:, few] = found.t()
        return values

    def _most(self, samples: Samples) -> tuple[float, float]:
        """
        :return: of how many switching units a state they are sooner done alone, negative if of none; and what each unit
            less saves there, in multiplications
        """
        n_samples, n_affine = samples.n_samples, samples.n_actions + 1
        if len(self.activations) < 2 or self.activations[0] is not RELU or n_samples < FEWEST:
            return -1.0, 0.0
        n_out, n_units = self.weights[0].shape
        products = n_out if self.dtype is th.float32 else LOW * n_out
        a_unit = n_samples * (products + GATHERED_UNIT)
        of_all = n_samples * n_units * (products + UNIT)
        return (PAYS * of_all - n_affine * n_units * n_out - STATE) / a_unit - n_affine, a_unit

    def evaluate_all(self, samples: Samples) -> th.Tensor:
        """
        :param samples: N actions in each of B states
        :return: Q(s, a), shape (N, B), whatever switches
        """
        actions, n_states = samples.actions, samples.n_states
        values = actions.new_empty(actions.shape[:2])
        if not n_states:
            return values
        of_states = th.addmm(self.bias, samples.states, self.of_states.t())
        at_once = max(self.n_rows // n_states, 1)
        for begin in range(0, len(actions), at_once):
            rows = slice(begin, begin + at_once)
            part = actions[rows].reshape(-1, samples.n_actions)
            x = th.mm(part, self.of_actions.t(), out=self.room.of(0, len(part), len(self.bias)))
            x.view(-1, *of_states.shape).add_(of_states)
            values[rows] = self._behind(x, 0).view(-1, n_states)
        return values

    def _behind(self, x: th.Tensor, first: int) -> th.Tensor:
        """
        :param x: what a hidden layer's activation is of, shape (M, H); changed
        :param first: that layer's number; that of the output, if there is no hidden one
        :return: Q, of M numbers
        """
        for depth in range(first, len(self.activations)):
            if depth > first:
                weight, bias = self.lowered[depth - 1]
                out = self.room.of((depth, self.dtype), len(x), weight.shape[1], dtype=self.dtype)
                x = th.addmm(bias, x.to(self.dtype), weight, out=out)
            x = self.activations[depth](x.float())
        if self.activations:  # one output: a product of matrix and vector
            x = th.addmv(self.biases[-1].view(1), x, self.weights[-1].view(-1))
        return x

    def _evaluate_switching(
        self,
        samples: Samples,
        chosen: th.Tensor,
        at_low: th.Tensor,
        on: th.Tensor,
        switch: th.Tensor,
        counts: list[int],
    ) -> th.Tensor:
        """
        :param samples: N actions a state
        :param chosen: the numbers of B of the states, those with the most switching units first
        :param at_low: W_s s + b + W_a a_low in these, shape (B, H)
        :param on: which units are on at all actions, likewise
        :param switch: which may switch, likewise
        :param counts: how many of them, in each
        :return: Q(s, a), shape (B, N)
        """
        n_states, n_samples, n_actions = len(chosen), samples.n_samples, samples.n_actions
        n_units, n_out, n_affine = len(self.bias), len(self.weights[0]), n_actions + 1
        above = samples.box()[2][chosen]
        # Second layer: rows of the units, one of nothing, and c and M in each state.
        rows = self.room.of("second", n_units + 1 + n_states * n_affine, n_out)
        rows[:n_units] = self.weights[0].t()
        rows[n_units] = 0
        slopes = self.room.of("on", n_states, n_affine, n_units)
        th.mul(on, at_low, out=slopes[:, 0])
        th.mul(on.unsqueeze(1), self.of_actions.t(), out=slopes[:, 1:])
        affine = rows[n_units + 1 :]
        th.mm(slopes.view(-1, n_units), self.weights[0].t(), out=affine)
        affine.view(n_states, n_affine, n_out)[:, 0] += self.biases[0]
        rows = rows.to(self.dtype)
        # First layer: those of the units, of nothing, of 1, and of each component of a − a_low, which is ≥ 0.
        slope = at_low.new_zeros((n_units + 1 + n_affine, n_actions))
        slope[:n_units] = self.of_actions
        slope[n_units + 2 :].fill_diagonal_(1)
        offset = at_low.new_zeros((n_states, n_units + 1 + n_affine))
        offset[:, :n_units] = at_low
        offset[:, n_units + 1] = 1
        # What each state takes: 1, a − a_low, its switching units, and nothing up to the most of those beside it.
        of_first = chosen.new_full((n_states, n_affine + max(counts)), n_units)
        of_first[:, :n_affine] = th.arange(n_units + 1, n_units + 1 + n_affine)
        state, unit = switch.nonzero(as_tuple=True)
        begins = switch.sum(1).cumsum(0).roll(1)
        begins[0] = 0
        of_first[state, th.arange(n_affine, n_affine + len(state)) - begins[state]] = unit
        of_second = of_first.clone()
        of_second[:, :n_affine] += n_affine * th.arange(n_states).unsqueeze(1)
        values = at_low.new_empty((n_states, n_samples))
        begin = 0
        while begin < n_states:
            taken = n_affine + counts[begin]
            end = min(begin + max(self.n_rows // max(taken, n_samples), 1), n_states)
            part, own = slice(begin, end), end - begin
            from_first, from_second = (taken_of[part, :taken].reshape(-1) for taken_of in (of_first, of_second))
            own_slope = self.room.of("own slope", len(from_first), n_actions)
            th.index_select(slope, 0, from_first, out=own_slope)
            x = self.room.of("switching", own, taken, n_samples)
            th.bmm(own_slope.view(own, taken, n_actions), above[part], out=x)
            x += offset[part].gather(1, from_first.view(own, taken)).unsqueeze(2)
            x = x.relu_().to(self.dtype)
            own_rows = self.room.of(("own rows", self.dtype), len(from_second), n_out, dtype=self.dtype)
            th.index_select(rows, 0, from_second, out=own_rows)
            y = self.room.of((1, self.dtype), own, n_samples, n_out, dtype=self.dtype)
            th.bmm(x.transpose(1, 2), own_rows.view(own, taken, n_out), out=y)
            values[part] = self._behind(y.view(-1, n_out), 1).view(own, n_samples)
            begin = end
        return values
