"""How many actions a policy uses, and how evenly."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from scipy.special import entr

from sb3_entropy.policies.probabilities import ModelOrPolicy, draw, log_probabilities
from sb3_entropy.statistics.diversity import effective_number, gini, n_used, top_share


@dataclass(frozen=True)
class ActionUse:
    """
    A policy's use of its A actions in n contexts.

    As Starnes, Dereventsov, Webster 2023 do, one action is drawn from π(·|x) in each context x, and the histogram of
    the n draws is described. So ``actions_used``, ``top_share``, ``gini`` and ``effective_actions`` are of ``counts``
    and have the noise of the draws. The same functions of ``marginal``, from ``sb3_entropy.statistics``, have none and
    are the better choice where the contexts are few. Place a stands for the action ``action_space.start`` + a.

    :param n_contexts: n
    :param entropy: mean over the contexts of H(π(·|x)), in nats: how random the policy is within a context
    :param actions_used: how many actions were drawn in more than ``threshold`` of the contexts
    :param top_share: the share of the action that was drawn most often
    :param gini: Gini's coefficient of the counts: 0 if all actions were drawn equally often
    :param effective_actions: exp(H(counts/n)): how many equally frequent actions are as diverse
    :param counts: how often each action was drawn, shape (A,)
    :param marginal: π̄(a) = mean over the contexts of π(a|x), the counts' expectation divided by n, shape (A,)
    """

    n_contexts: int
    entropy: float
    actions_used: int
    top_share: float
    gini: float
    effective_actions: float
    counts: np.ndarray = field(repr=False, compare=False)
    marginal: np.ndarray = field(repr=False, compare=False)

    @classmethod
    def of(cls, log_p: np.ndarray, rng: np.random.Generator, threshold: float, **more: float) -> Self:
        """
        :param log_p: log π(a|x), shape (n, A)
        :param rng: draws the actions
        :param threshold: the share above which an action counts as used
        :param more: what a subclass holds besides
        :return: the use of actions
        """
        p = np.exp(log_p)
        counts = np.bincount(draw(p, rng), minlength=p.shape[1])
        return cls(
            n_contexts=len(p),
            entropy=float(entr(p).sum(axis=1).mean()),
            actions_used=int(n_used(counts, threshold)),
            top_share=float(top_share(counts)),
            gini=float(gini(counts)),
            effective_actions=float(effective_number(counts)),
            counts=counts,
            marginal=p.mean(axis=0),
            **more,
        )

    def scalars(self) -> dict[str, float]:
        """:return: all numbers by name; without ``n_contexts``, which does not change"""
        hidden = {"n_contexts", "counts", "marginal"}
        return {name: float(value) for name, value in vars(self).items() if name not in hidden}


def action_use(
    model: ModelOrPolicy,
    observations: Any,
    rng: np.random.Generator,
    threshold: float = 0.005,
    chunk: int = 2048,
) -> ActionUse:
    """
    :param model: a model, with the environment's observations; or a policy, with those that it sees
    :param observations: contexts, shape (n, …), or a dict of such
    :param rng: draws one action a context
    :param threshold: the share above which an action counts as used
    :param chunk: how many contexts at a time go through the network
    :return: the policy's use of actions in these contexts; the model is left as it was
    :raises TypeError: if the policy does not give each of finitely many actions a probability
    :raises ValueError: if there are no observations, or they, the policy or its answers are not finite
    """
    return ActionUse.of(log_probabilities(model, observations, chunk), rng, threshold)
