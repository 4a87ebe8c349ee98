"""How often a rule decides as the majority of many draws of the exact one, with intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch as th

from benchmarks.similarity.agents import Agent, Counting
from sb3_entropy.algorithms.off_policy.similarity.cosine import decide
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule

KIND, N, DRAWS = "shifted", 100, 16
#: what one draw of the exact rule is called, drawn beside the majority's 16, not one of them
ONE = "exact"


@dataclass
class Found:
    """
    Of one agent, by threshold and rule.

    :param majority: whether agreement with the majority was had, a mean over repeats, shape (B,)
    :param same: the share of states in which the rule decides as the exact one on the same draws; None if it draws
        others
    :param evaluations: of all four critics, a state
    """

    majority: dict[tuple[float, str], np.ndarray] = field(default_factory=dict)
    same: dict[tuple[float, str], float] = field(default_factory=dict)
    evaluations: dict[tuple[float, str], float] = field(default_factory=dict)


def look(
    agent: Agent, rules: Mapping[str, SimilarityRule], thresholds: Sequence[float], repeats: int, seed: int
) -> Found:
    """
    :param agent: a trained agent
    :param rules: by name; ``ONE`` is the exact rule
    :param thresholds: ε
    :param repeats: how often each rule decides, the actor's sample included
    :param seed: of all draws
    :return: how often each agrees
    """
    generator = th.Generator().manual_seed(seed)
    exact, found = rules[ONE], Found()
    states = agent.states(generator)
    sims = th.stack([exact(states, KIND, 0.0, N, generator) for _ in range(DRAWS)])
    for threshold in thresholds:
        majority = decide(sims, threshold).float().mean(0) > 0.5
        for name, rule in rules.items():
            agreed = []
            for repeat in range(repeats):
                own = th.Generator().manual_seed(seed + 1 + repeat)
                asked = Counting(agent.states(own))
                begin = own.get_state()
                decided = decide(rule(asked, KIND, threshold, N, own), threshold)
                agreed.append((decided == majority).numpy())
                found.evaluations[threshold, name] = asked.evaluations
                if repeat == 0 and name in ("sequential", "bfloat16"):  # those that draw as the exact one does
                    own.set_state(begin)
                    of_exact = decide(exact(asked, KIND, threshold, N, own), threshold)
                    found.same[threshold, name] = float((decided == of_exact).float().mean())
            found.majority[threshold, name] = np.mean(agreed, axis=0)
    return found


def resampled(founds: Sequence[Found], threshold: float, names: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """
    :param founds: one an agent
    :param threshold: ε
    :param names: of rules
    :param rng: of the resampling
    :return: agreement in 2000 resamples of agents, and of states in each of them, shape (2000, len(names))
    """
    each = [np.stack([found.majority[threshold, name] for name in names]) for found in founds]
    means = []
    for _ in range(2000):
        agents = rng.integers(len(each), size=len(each))
        means.append(
            np.mean([each[k][:, rng.integers(each[k].shape[1], size=each[k].shape[1])].mean(1) for k in agents], axis=0)
        )
    return np.array(means)


def summary(founds: Sequence[Found], thresholds: Sequence[float], names: Sequence[str]) -> list[dict[str, object]]:
    """
    :param founds: one an agent of one environment
    :param thresholds: ε
    :param names: of rules, ``ONE`` among them
    :return: one row a threshold and rule: agreement, its difference from one draw's, both with intervals of 95 %
    """
    rows = []
    for threshold in thresholds:
        draws = resampled(founds, threshold, names, np.random.default_rng(0))
        means = np.array([np.mean([f.majority[threshold, name].mean() for f in founds]) for name in names])
        one = list(names).index(ONE)
        for k, name in enumerate(names):
            same = [f.same[threshold, name] for f in founds if (threshold, name) in f.same]
            rows.append(
                {
                    "threshold": threshold,
                    "rule": name,
                    "agreement": float(means[k]),
                    "interval": np.quantile(draws[:, k], (0.025, 0.975)).tolist(),
                    "difference": float(means[k] - means[one]),
                    "difference_interval": np.quantile(draws[:, k] - draws[:, one], (0.025, 0.975)).tolist(),
                    "same_draws": float(np.mean(same)) if same else None,
                    "evaluations": float(np.mean([f.evaluations[threshold, name] for f in founds])),
                }
            )
    return rows
