"""What every similarity rule is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch as th

from sb3_entropy.algorithms.off_policy.similarity.cosine import check_kind, check_threshold
from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.errors import check_number
from sb3_entropy.registry import SIMILARITY_RULES


class SimilarityRule(ABC):
    """
    How the similarity of soft and plain critics over N actions of the policy is found, exactly or for less.

    A rule is a plain object that can be pickled. It draws from the generator that it is given, and from nowhere else.
    """

    #: one line, for lists
    description: ClassVar[str]

    def __call__(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        """
        :param critics: a soft and a plain group in B states
        :param kind: of the similarity, one of :data:`~sb3_entropy.algorithms.off_policy.similarity.cosine.KINDS`
        :param threshold: ε, in [−1, 1]: a rule may be coarser far from it
        :param samples: N ≥ 1, the number of actions a state that the similarity is over; a rule that looks at fewer
            says what N of them would have given
        :param generator: where draws come from
        :return: sim in [−1, 1], shape (B,)
        :raises TypeError: if ε or N is no number
        :raises ValueError: if the kind is unknown, or ε or N out of range
        """
        check_kind(kind)
        check_threshold(threshold)
        check_samples(samples)
        with th.no_grad():
            return self._similarity(critics, kind, threshold, samples, generator)

    @abstractmethod
    def _similarity(
        self, critics: StateCritics, kind: str, threshold: float, samples: int, generator: th.Generator
    ) -> th.Tensor:
        """:return: sim, shape (B,); the arguments are those of the call, checked"""


def check_samples(samples: int) -> None:
    """
    :param samples: N
    :raises TypeError: if it is no whole number
    :raises ValueError: if it is below 1
    """
    check_number("similarity_samples", samples, low=1, integer=True)


def make_similarity_rule(spec: str | Mapping[str, Any] | SimilarityRule) -> SimilarityRule:
    """
    :param spec: a key, a mapping ``{"similarity_rule": key, **options}``, or a rule, which is returned as it is
    :return: the rule
    :raises TypeError: if ``spec`` is none of these
    :raises ValueError: if the key or an option is unknown, or an option is out of range
    """
    made: SimilarityRule = SIMILARITY_RULES.make(spec)
    return made
