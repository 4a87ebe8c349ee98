"""Estimates by actions drawn from the mixture of both laws."""

import math
from dataclasses import dataclass

import torch as th

from sb3_entropy.distributions.laws import Law, Mixture
from sb3_entropy.distributions.laws.mixture import log_sum_exp


@dataclass(frozen=True, eq=False)
class Draws:
    """
    Actions from m = ½(p + q), and how much more probable each law makes them than m.

    :param actions: shape (n, B) for one choice, else (n, B, A)
    :param log_w_p: log p/m ≤ log 2, shape (n, B), with gradient through log p
    :param log_w_q: log q/m ≤ log 2, shape (n, B), with gradient through log q
    """

    actions: th.Tensor
    log_w_p: th.Tensor
    log_w_q: th.Tensor


def draw(p: Law, q: Law, n: int) -> Draws:
    """
    Actions and m are fixed; so for any h that scales as h(cp, cq) = c h(p, q), such as every f-divergence's,

        E_m[h(p/m, q/m)] = Σ_a h(p(a), q(a)),

    as an identity in the parameters: the mean over the draws is unbiased in value and gradient. As m covers both laws,
    the weights are at most 2 (the balance heuristic of Veach and Guibas 1995, Section 3.3).

    :param p: a law
    :param q: a law on the same actions
    :param n: actions a state
    :return: independent actions and their weights
    """
    actions = Mixture((p, q), (0.5, 0.5)).sample(n)
    log_p, log_q = p.log_prob(actions), q.log_prob(actions)
    log_m = log_sum_exp(th.stack([log_p, log_q]).detach()) - math.log(2)
    # An action that rounding has put outside both supports weighs nothing.
    log_m = log_m.masked_fill(log_m.isneginf(), 0.0)
    return Draws(actions, log_p - log_m, log_q - log_m)
