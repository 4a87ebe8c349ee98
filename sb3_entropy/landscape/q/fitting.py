"""
Critics of a policy that is not changed any more, fitted to transitions: all of them, plain and soft, in one batch.

``L = (Q(s, a) − r − γ(1 − d)(Q̄(s', a') − α log π(a'|s')))²`` with a' ~ π(·|s') and targets Q̄ that follow slowly. The
policy stands still, so nothing is maximised, and the least of two critics, which SAC takes against the bias of a
maximum, would only add one.

A constant that is added to Q goes away at the rate τ(1 − γ) an update, which is slower than all else. So it is solved
for now and then: the c with which the mean of r + γ(1 − d)(Q(s', a') + c − α log π) − Q(s, a) − c is 0, temporal
differences' fixed point in the space of constants (Bradtke and Barto 1996).
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch as th
from torch import nn

from sb3_entropy.algorithms.common.affine import Room
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.fused import rounded_descent
from sb3_entropy.algorithms.off_policy.fast.critics import StackedCritics
from sb3_entropy.errors import check_number
from sb3_entropy.landscape.q.critics import Behaviour, Critics
from sb3_entropy.landscape.q.features import Features
from sb3_entropy.landscape.q.transitions import Transitions, thinned

#: rows evaluated at once
ROWS = 4096
#: |Q − mean| in standard deviations of returns, from which on a fit is called divergent
LARGEST = 1e3
#: pieces of which a refit draws as many anew, at least
PIECES = 20
#: parts of a fit; after each but the last few the means are set right
PARTS, LAST = 20, 4
#: transitions that a mean is set right by
MANY = 20_000


@dataclass(frozen=True)
class Fitting:
    """
    How critics are fitted.

    :param refits: K critics of each kind, each from parameters, minibatches and episodes of its own: the episodes are
        drawn with replacement, so that critics differ as if there had been other data (Efron 1979)
    :param updates: steps of Adam
    :param batch_size: transitions a step and critic
    :param width: of both hidden layers
    :param learning_rate: at first; it falls to 0 as a cosine
    :param tau: τ of the targets
    :param n_next: actions a' that are drawn at each s'
    :param most: transitions that are used at most, of episodes evenly spaced
    :raises TypeError: if one is no number
    :raises ValueError: if one is out of range
    """

    refits: int = 3
    updates: int = 20_000
    batch_size: int = 128
    width: int = 128
    learning_rate: float = 1e-3
    tau: float = 0.05
    n_next: int = 4
    most: int = 100_000

    def __post_init__(self) -> None:
        for name, low in (("refits", 1), ("updates", 1), ("batch_size", 1), ("width", 1), ("n_next", 1), ("most", 64)):
            check_number(name, getattr(self, name), low=low, integer=True)
        check_number("learning_rate", self.learning_rate, low=0.0, open_low=True)
        check_number("tau", self.tau, low=0.0, high=1.0, open_low=True)


class FittedCritics(Critics):
    """
    Q_k = m_k + σ f_k(x(s), a), with networks f_k.

    :param critics: f, K of them
    :param features: x
    :param middle: m, shape (K,)
    :param scale: σ
    :param ent_coef: α
    """

    def __init__(self, critics: StackedCritics, features: Features, middle: np.ndarray, scale: float, ent_coef: float):
        super().__init__(ent_coef)
        self.critics, self.features, self.middle, self.scale = critics, features, middle, scale

    @property
    def n_critics(self) -> int:
        return len(self.critics)

    def values(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return self._evaluated(observations, actions, gradients=False)

    def gradients(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        return self._evaluated(observations, actions, gradients=True)

    @th.no_grad()
    def _evaluated(self, observations: Any, actions: np.ndarray, gradients: bool) -> np.ndarray:
        n_states, n, n_actions = actions.shape
        states = self.features(observations)
        room = Room()
        flat = np.asarray(actions, dtype=np.float32).reshape(-1, n_actions)
        shape = (n_actions,) if gradients else ()
        found = np.empty((self.n_critics, len(flat), *shape))
        for start in range(0, len(flat), ROWS):
            rows = slice(start, min(start + ROWS, len(flat)))
            of_states = states[np.arange(rows.start, rows.stop) // n]
            x = th.from_numpy(np.concatenate([of_states, flat[rows]], axis=1))
            hidden, values = self.critics.forward(x, room)
            if gradients:
                found[:, rows] = self.scale * self.critics.action_gradients(hidden, n_actions, room).double().numpy()
            else:
                found[:, rows] = self.middle[:, None] + self.scale * values.double().numpy()
        return found.reshape(self.n_critics, n_states, n, *shape)


def fit_critics(
    transitions: Transitions,
    features: Features,
    behaviour: Behaviour,
    *,
    gamma: float,
    ent_coef: float | None,
    fitting: Fitting,
    seed: int,
) -> tuple[FittedCritics, FittedCritics | None]:
    """
    :param transitions: what is fitted to
    :param features: what is read of a state
    :param behaviour: π
    :param gamma: γ
    :param ent_coef: α of the soft critics, in units of reward; None for plain ones alone
    :param fitting: how
    :param seed: of everything
    :return: K plain critics, and K soft ones; a plain and a soft one of one number have seen the same minibatches
    :raises ValueError: if the data hold a number that is not finite, or a fit diverges
    """
    rng = np.random.default_rng(seed)
    data = _Data(thinned(transitions, fitting.most), features, behaviour, gamma, ent_coef, fitting, rng)
    alphas = [0.0] * fitting.refits + ([] if ent_coef is None else [float(ent_coef)] * fitting.refits)
    n_inputs = features.size + behaviour.n_actions
    networks = [_network(n_inputs, fitting.width, rng) for _ in alphas]
    targets = [_network(n_inputs, fitting.width, rng) for _ in alphas]
    online, target = (StackedCritics(each, FlatParameters(_parameters(each))) for each in (networks, targets))
    target.flat.values.copy_(online.flat.values)
    offset = _descend(online, target, data, fitting, rng).view(-1, fitting.refits).double().numpy()
    fitted = []
    for group, middle, scale in zip(range(len(offset)), data.middle, data.scale, strict=True):
        own = slice(group * fitting.refits, (group + 1) * fitting.refits)
        critics = StackedCritics(networks[own], online.flat)
        fitted.append(FittedCritics(critics, features, middle + scale * offset[group], scale, alphas[own.start]))
    return fitted[0], fitted[1] if len(fitted) > 1 else None


class _Data:
    """All that minibatches are taken from, as tensors."""

    def __init__(
        self,
        transitions: Transitions,
        features: Features,
        behaviour: Behaviour,
        gamma: float,
        ent_coef: float | None,
        fitting: Fitting,
        rng: np.random.Generator,
    ):
        following = features(transitions.next_observations)
        actions, log_prob = behaviour.samples(transitions.next_observations, fitting.n_next, rng)
        if ent_coef is None:
            log_prob = np.zeros_like(log_prob)
        x = np.concatenate([features(transitions.observations), transitions.actions], axis=1)
        self.n, self.n_next, self.n_refits = len(x), fitting.n_next, fitting.refits
        self.x = th.from_numpy(x.astype(np.float32))
        next_x = np.concatenate([np.broadcast_to(following, (fitting.n_next, *following.shape)), actions], axis=2)
        self.next_x = th.from_numpy(next_x.astype(np.float32).reshape(-1, x.shape[1]))
        going_on = gamma * ~transitions.terminated
        groups = [0.0] if ent_coef is None else [0.0, float(ent_coef)]
        soft = [transitions.rewards - alpha * going_on * log_prob.mean(axis=0) for alpha in groups]
        returns = [transitions.discounted(each, gamma) for each in soft]
        for name, array in (("reward", transitions.rewards), ("log-density of an action", log_prob), ("state", x)):
            if not np.isfinite(array).all():
                raise ValueError(
                    f"Critics cannot be fitted: a {name} is not finite. Mend the environment or the policy; a policy "
                    "without a density has no soft critics."
                )
        #: m and σ of the groups, shape (G,)
        self.middle = np.array([each.mean() for each in returns])
        self.scale = np.array([max(each.std(), own.std(), 1e-6) for each, own in zip(returns, soft, strict=True)])
        middle, scale = self.middle[:, None, None], self.scale[:, None, None]
        # y = constant + factor f̄ in standardised units, for every a', shape (G, M·n)
        base = np.stack([transitions.rewards - alpha * going_on * log_prob for alpha in groups])
        constant = (base + going_on * middle - middle) / scale
        self.constant = th.from_numpy(constant.reshape(len(groups), -1).astype(np.float32))
        self.going_on = th.from_numpy(going_on.astype(np.float32))
        self.pools = [_redrawn(transitions, rng) for _ in range(fitting.refits)]
        self._room = Room()

    def rows(self, n_updates: int, batch_size: int, rng: np.random.Generator) -> tuple[th.Tensor, th.Tensor]:
        """:return: rows of x, and of next_x, shape (U, K·B)"""
        shape = (n_updates, batch_size)
        rows = np.stack([pool[rng.integers(len(pool), size=shape)] for pool in self.pools], axis=1)
        following = rows + self.n * rng.integers(self.n_next, size=rows.shape)
        return th.from_numpy(rows.reshape(n_updates, -1)), th.from_numpy(following.reshape(n_updates, -1))

    def batch(self, rows: th.Tensor, next_rows: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor, th.Tensor]:
        """:return: (s, a) and (s', a'), shape (E, B, D + A); the constant and the factor of y, shape (E, B)"""
        n_groups, width = len(self.constant), self.x.shape[1]
        batch_size = len(rows) // self.n_refits
        x, next_x = (self._room.of(use, n_groups, len(rows), width) for use in ("x", "next x"))
        x[:] = self.x.index_select(0, rows)
        next_x[:] = self.next_x.index_select(0, next_rows)
        constant = self.constant.index_select(1, next_rows).view(-1, batch_size)
        going_on = self.going_on.index_select(0, rows).view(-1, batch_size).repeat(n_groups, 1)
        return x.view(-1, batch_size, width), next_x.view(-1, batch_size, width), constant, going_on


def _redrawn(transitions: Transitions, rng: np.random.Generator) -> np.ndarray:
    """:return: the rows of as many episodes, drawn with replacement; long ones are cut into pieces first"""
    n = len(transitions)
    longest = max(n // PIECES, 1)
    starts = transitions.starts()
    cuts = np.concatenate([np.arange(b, e, longest) for b, e in pairwise(starts)])
    ends = np.append(cuts[1:], n)
    drawn = rng.integers(len(cuts), size=len(cuts))
    return np.concatenate([np.arange(cuts[piece], ends[piece]) for piece in drawn])


def _descend(
    online: StackedCritics, target: StackedCritics, data: _Data, fitting: Fitting, rng: np.random.Generator
) -> th.Tensor:
    """:return: what is to be added to each f, shape (E, 1)"""
    parameters = _parameters(online.networks)
    optimizer = th.optim.Adam(parameters, lr=fitting.learning_rate)
    descent = rounded_descent(optimizer, online.flat, parameters)
    room, target_room = Room(), Room()
    offset = th.zeros(len(online), 1)
    length = -(-fitting.updates // PARTS)
    with th.no_grad():
        for begin in range(0, fitting.updates, length):
            n_updates = min(length, fitting.updates - begin)
            optimizer.param_groups[0]["lr"] = (
                fitting.learning_rate * 0.5 * (1 + float(np.cos(np.pi * begin / fitting.updates)))
            )
            descent.begin()
            for rows, next_rows in zip(*data.rows(n_updates, fitting.batch_size, rng), strict=True):
                x, next_x, constant, going_on = data.batch(rows, next_rows)
                _, following = target.forward(next_x, target_room)
                hidden, values = online.forward(x, room)
                error = values.sub(constant).addcmul_(going_on, following, value=-1).addcmul_(offset, 1 - going_on)
                online.backward(hidden, error.mul_(2 / fitting.batch_size), room)
                descent.step(None, rounding=True)
                target.flat.values.lerp_(online.flat.values, fitting.tau)
            descent.end()
            if not (np.isfinite(largest := float(values.abs().max())) and largest < LARGEST):
                raise ValueError(
                    f"The critics have diverged after {begin + n_updates:,} updates: Q is {largest:.3g} standard "
                    "deviations of the returns from their mean. Give more data, a larger share of uniform actions, "
                    "more episodes, or a smaller learning rate."
                )
            if begin + n_updates < fitting.updates - LAST * length:
                offset += _constant(online, data, offset, rng)
    return offset


def _constant(online: StackedCritics, data: _Data, offset: th.Tensor, rng: np.random.Generator) -> th.Tensor:
    """:return: c of each critic, shape (E, 1); 0 where nothing says what it is, since no episode ends and γ = 1"""
    total, weight = th.zeros_like(offset), th.zeros_like(offset)
    for rows, next_rows in zip(*data.rows(max(min(MANY, data.n) // 1024, 1), 1024, rng), strict=True):
        x, next_x, constant, going_on = data.batch(rows, next_rows)
        values, following = online.forward(x)[1] + offset, online.forward(next_x)[1] + offset
        residual = constant.addcmul(going_on, following).sub_(values)
        total += residual.sum(1, keepdim=True)
        weight += (1 - going_on).sum(1, keepdim=True)
    return th.where(weight > 0, total / weight.clamp(min=1e-6), 0.0)


def _network(n_inputs: int, width: int, rng: np.random.Generator) -> nn.Sequential:
    """:return: of three affine maps, with PyTorch's own range of beginnings"""
    layers: list[nn.Module] = []
    for n_in, n_out in ((n_inputs, width), (width, width), (width, 1)):
        layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
        with th.no_grad():
            for parameter in layer.parameters():
                numbers = rng.uniform(-1, 1, size=parameter.shape) / np.sqrt(n_in)
                parameter.copy_(th.from_numpy(numbers.astype(np.float32)))
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _parameters(networks: Any) -> Any:
    return [parameter for network in networks for parameter in network.parameters()]
