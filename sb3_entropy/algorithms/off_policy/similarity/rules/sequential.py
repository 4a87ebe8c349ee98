"""All critics at few samples where the case is clear, at more where it is not."""

from collections.abc import Sequence

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import cosine_similarity, pair_minima, similarity
from sb3_entropy.algorithms.off_policy.similarity.models import linear_values
from sb3_entropy.algorithms.off_policy.similarity.rule import SimilarityRule
from sb3_entropy.algorithms.off_policy.similarity.sampling import actions, standard_normal, tanh_
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.errors import check_number
from sb3_entropy.registry import SIMILARITY_RULES


@SIMILARITY_RULES.register("sequential")
class SequentialRule(SimilarityRule):
    """
    The exact rule's N draws, of which each state is asked about only as many as its decision needs.

    At those not asked about, the pairs' minima f and g are taken from critics linear at the mode, plus the mean of
    what these missed so far: a similarity over N actions at every stage. With e the standard deviation of what they
    missed, the similarity's own is about that of its first-order change under independent errors e, the minimum's
    included, and a state whose similarity is further from ε than ``confidence`` of these is done. Those draws come
    first where the linear model has its lowest values, for the minimum moves all of f.

    :param stages: after how many of the draws it is looked whether that is enough, ascending, ≥ 4; the last stage is N
    :param confidence: how many standard deviations from ε are clear, > 0
    :raises ValueError: if one is out of range
    """

    description = "all critics at few of the N samples, and at more where the decision is not clear"

    def __init__(self, stages: Sequence[int] = (8, 16, 32, 64), confidence: float = 3.0):
        for stage in stages:
            check_number("stages", stage, low=4, integer=True)
        if list(stages) != sorted(set(stages)):
            raise ValueError(f"stages must ascend, but {tuple(stages)} was given.")
        check_number("confidence", confidence, low=0, open_low=True)
        self.stages, self.confidence = tuple(stages), confidence

    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        z = standard_normal((samples, *critics.mean.shape), critics.mean, generator)
        a = actions(critics.mean, critics.std, z)
        stages = [stage for stage in self.stages if stage < samples]
        if not stages:
            return similarity(critics.values(a), kind)
        mode = tanh_(critics.mean.clone())
        linear = pair_minima(linear_values(*critics.values_and_gradients(mode), mode, a.permute(2, 0, 1)))  # (2, N, B)
        order = _lowest_first(linear, lowest=stages[0] // 4)
        a, linear = a.gather(0, order.unsqueeze(2).expand_as(a)), linear.gather(1, order.expand_as(linear))
        states = th.arange(len(mode), device=mode.device)
        found = linear.clone()
        sim = th.empty_like(mode[:, 0])
        asked = 0
        for stage in (*stages, samples):
            part = slice(asked, stage)
            found[:, part, states] = pair_minima(critics.values(a[part, states], states))
            asked = stage
            now, error = _estimate(found[:, :, states], linear[:, :, states], asked, kind)
            sim[states] = now
            if asked < samples:
                states = states[(now - threshold).abs() <= self.confidence * error]
                if not len(states):
                    break
        return sim


def _lowest_first(linear: th.Tensor, lowest: int) -> th.Tensor:
    """
    :param linear: f and g, shape (2, N, B)
    :param lowest: how many of each come first
    :return: an order of the N in each state, shape (N, B); the others stay in theirs, which is that of their draws
    """
    rank = linear.argsort(dim=1).argsort(dim=1).amin(0)
    return th.where(rank < lowest, rank - linear.shape[1], 0).argsort(dim=0, stable=True)


def _estimate(found: th.Tensor, linear: th.Tensor, asked: int, kind: str) -> tuple[th.Tensor, th.Tensor]:
    """
    :param found: f and g where they are known, in the first ``asked`` of N, shape (2, N, B)
    :param linear: what the linear model says of them, likewise
    :param asked: n
    :param kind: of the similarity
    :return: the similarity with the model in place of what is not known, and its standard deviation, each (B,)
    """
    if asked == found.shape[1]:
        return cosine_similarity(found[0], found[1], kind), th.zeros_like(found[0, 0])
    missed = found[:, :asked] - linear[:, :asked]
    guessed = linear[:, asked:] + missed.mean(1, keepdim=True)
    full = th.cat([found[:, :asked], guessed], dim=1)
    sim = cosine_similarity(full[0], full[1], kind)
    shift = {"shifted": full.amin(1, keepdim=True), "centred": full.mean(1, keepdim=True)}.get(kind, 0.0)
    moved = full - shift
    norms = moved.norm(dim=1, keepdim=True).clamp_min(th.finfo(full.dtype).tiny)
    unit = moved / norms
    slope = (unit.flip(0) - sim * unit) / norms  # ∂sim/∂f′ and ∂sim/∂g′
    variance = missed.var(1)
    square = slope[:, asked:].square().sum(1)
    if kind == "shifted":  # where the minimum is only guessed, its error moves all
        square = square + slope.sum(1).square() * (guessed.amin(1) <= found[:, :asked].amin(1) + variance.sqrt())
    return sim, (variance * square).sum(0).sqrt()
