"""Logged feedback of one-step decisions: in a context an action was played, and its reward was seen."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from sb3_entropy.errors import check_number
from sb3_entropy.offline.archive import read_archive, write_archive
from sb3_entropy.offline.checking import (
    Array,
    Integers,
    apart,
    as_actions,
    as_numbers,
    as_probabilities,
    finite_rows,
    numeric,
    refuse_rows,
)

#: how far a propensity may be from the probability of the same action in ``behaviour``, relative to it
PROPENSITY_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class LoggedFeedback:
    """
    n independent rounds (xᵢ, aᵢ, rᵢ, pᵢ): context xᵢ, action aᵢ ~ b(·|xᵢ) of the behaviour policy b, its reward rᵢ and
    its propensity pᵢ = b(aᵢ|xᵢ). Every field is checked when the log is made, and shares no memory with what was given.

    :param contexts: xᵢ, shape (n, …); their type is kept, so images may stay bytes
    :param actions: aᵢ ∈ {0, …, A − 1}, shape (n,)
    :param rewards: rᵢ, shape (n,)
    :param propensities: pᵢ ∈ (0, 1], shape (n,)
    :param n_actions: A
    :param behaviour: b(a|xᵢ) of all actions, shape (n, A), if it is known
    :param mean_rewards: E[r|xᵢ, a] of all actions, shape (n, A): the ground truth, which simulated logs can have
    :param policy: the model that played, as its ``save`` writes it to a ``BytesIO``; None if it is not kept, or if the
        actions were uniform (``epsilon=1``)
    :param epsilon: ε, the share of uniform actions that were mixed with the model's
    :param support: the actions that could be played at all; None for all of them: b(a|x) ∝ ((1 − ε) π(a|x) + ε/A) ·
        1[a ∈ support]
    :raises TypeError: if a field holds something else than is said here
    :raises ValueError: if a shape, a number or two fields do not fit; the message names the first row
    """

    contexts: np.ndarray
    actions: Integers
    rewards: Array
    propensities: Array
    n_actions: int
    behaviour: Array | None = None
    mean_rewards: Array | None = None
    policy: bytes | None = None
    epsilon: float = 0.0
    support: Integers | None = None

    def __post_init__(self) -> None:
        fields = ("contexts", "actions", "rewards", "propensities", "behaviour", "mean_rewards", "support")
        given = {name: value for name in fields if (value := getattr(self, name)) is not None}
        check_number("n_actions", self.n_actions, low=1, integer=True)
        contexts = numeric("contexts", self.contexts)
        if contexts.ndim == 0 or not len(contexts):
            raise ValueError(
                f"contexts must have the shape (rows, …) with at least one row, but {contexts.shape} was given."
            )
        refuse_rows("contexts", contexts, ~finite_rows(contexts), "be finite", "Leave such rows out of the log.")
        n, A = len(contexts), int(self.n_actions)
        checked = {
            "contexts": contexts,
            "actions": as_actions("actions", self.actions, n, A),
            "rewards": as_numbers("rewards", self.rewards, (n,), "(rows,)"),
            "propensities": as_numbers("propensities", self.propensities, (n,), "(rows,)"),
            "n_actions": A,
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        refuse_rows(
            "propensities",
            self.propensities,
            (self.propensities <= 0) | (self.propensities > 1),
            "lie in (0, 1]",
            "Give the probability with which the logged action was played.",
        )
        if self.behaviour is not None:
            object.__setattr__(self, "behaviour", as_probabilities("behaviour", self.behaviour, (n, A)))
            self._check_propensities()
        if self.mean_rewards is not None:
            means = as_numbers("mean_rewards", self.mean_rewards, (n, A), "(rows, actions)")
            object.__setattr__(self, "mean_rewards", means)
        self._check_policy()
        check_number("epsilon", self.epsilon, low=0, high=1)
        if self.support is not None:
            allowed = np.asarray(self.support)
            object.__setattr__(self, "support", as_actions("support", allowed, allowed.size, A))
        for name, array in given.items():
            object.__setattr__(self, name, apart(getattr(self, name), array))

    def __repr__(self) -> str:
        """:return: the sizes, and what else is known; not the arrays"""
        known = [name for name in ("behaviour", "mean_rewards", "policy") if getattr(self, name) is not None]
        shape = self.contexts.shape[1:]
        return f"LoggedFeedback(n={len(self)}, n_actions={self.n_actions}, context_shape={shape}, known={known})"

    def __len__(self) -> int:
        """:return: n"""
        return len(self.rewards)

    def _check_propensities(self) -> None:
        assert self.behaviour is not None
        behaviour = self.behaviour[np.arange(len(self)), self.actions]
        refuse_rows(
            "propensities",
            np.stack([self.propensities, behaviour], axis=1),
            np.abs(self.propensities - behaviour) > PROPENSITY_TOLERANCE * behaviour,
            "be the probabilities of the logged actions in behaviour",
            "The pair is the propensity and that probability; correct one of them, or leave behaviour out.",
        )

    def _check_policy(self) -> None:
        if self.policy is None:
            return
        if not isinstance(self.policy, bytes):
            raise TypeError(
                f"policy must be bytes or None, but {type(self.policy).__name__} was given. Save the model to a "
                "BytesIO and give its getvalue()."
            )
        if not zipfile.is_zipfile(io.BytesIO(self.policy)):
            raise ValueError(
                f"policy must be the zip that a model's save writes, but {len(self.policy)} bytes that are no zip file "
                "were given. Save the model to a BytesIO and give its getvalue()."
            )

    def importance_weights(self, target: ArrayLike) -> Array:
        """
        wᵢ = π(aᵢ|xᵢ)/b(aᵢ|xᵢ).

        :param target: π(a|xᵢ) of the policy to judge, shape (n, A)
        :return: w, shape (n,)
        :raises TypeError: if the target holds no numbers
        :raises ValueError: if it is no distribution in some row
        """
        played = self.check_target(target)[np.arange(len(self)), self.actions]
        return played / self.propensities

    def effective_sample_size(self, target: ArrayLike) -> float:
        """
        (Σ wᵢ)²/Σ wᵢ² (Kish 1965): how many rounds of the target policy's own the weighted log is worth, roughly.

        :param target: π(a|xᵢ) of the policy to judge, shape (n, A)
        :return: between 1 and n; 0 if no logged action has a probability under the target
        :raises TypeError: if the target holds no numbers
        :raises ValueError: if it is no distribution in some row
        """
        return effective_size(self.importance_weights(target))

    def true_value(self, target: ArrayLike) -> float:
        """
        (1/n) Σᵢ Σₐ π(a|xᵢ) E[r|xᵢ, a]: the target policy's value in the contexts of the log.

        :param target: π(a|xᵢ) of the policy to judge, shape (n, A)
        :return: the value, in units of reward
        :raises TypeError: if the target holds no numbers
        :raises ValueError: if it is no distribution in some row, or ``mean_rewards`` is not known
        """
        if self.mean_rewards is None:
            raise ValueError(
                "The true value needs mean_rewards, which this log does not have. Only simulated logs have them; use "
                "an estimator, such as doubly_robust."
            )
        return float((self.check_target(target) * self.mean_rewards).sum(axis=1).mean())

    def deficient_actions(self, threshold: float = 0.0) -> np.ndarray:
        """
        Which actions the behaviour policy plays in which context with no more than a given probability. Of those with
        probability 0 the log says nothing, whatever its length (Sachdeva, Su, Joachims 2020).

        :param threshold: a probability
        :return: b(a|xᵢ) ≤ threshold, shape (n, A)
        :raises TypeError: if the threshold is no number
        :raises ValueError: if it is outside [0, 1], or ``behaviour`` is not known
        """
        check_number("threshold", threshold, low=0, high=1)
        if self.behaviour is None:
            raise ValueError(
                "Deficient actions can be told from behaviour alone, the probabilities of all actions, which this log "
                "does not have. Log them, or count how often each action occurs in actions."
            )
        return self.behaviour <= threshold

    def check_target(self, target: ArrayLike) -> Array:
        """
        :param target: π(a|xᵢ) of the policy to judge, shape (n, A)
        :return: the same as float64
        :raises TypeError: if it holds no numbers
        :raises ValueError: if it has another shape, or is no distribution in some row
        """
        return as_probabilities("target", target, (len(self), self.n_actions))

    def save(self, path: str | Path) -> None:
        """
        Write the log to one ``.npz`` file; what stands there is replaced when the new file is complete, not before.

        :param path: the file; ``.npz`` is added to a name without a suffix
        """
        fields = ("contexts", "actions", "rewards", "propensities", "behaviour", "mean_rewards")
        arrays = {name: array for name in fields if (array := getattr(self, name)) is not None}
        if self.policy is not None:
            arrays["policy"] = np.frombuffer(self.policy, dtype=np.uint8)
        if self.support is not None:
            arrays["support"] = self.support
        write_archive(path, arrays | {"n_actions": np.array(self.n_actions), "epsilon": np.array(self.epsilon)})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """
        :param path: a file that :meth:`save` has written
        :return: the log
        :raises FileNotFoundError: if there is no such file
        :raises TypeError: if a field of it is of the wrong type
        :raises ValueError: if it was cut short, is damaged, holds no log, or one that contradicts itself
        """
        stored = read_archive(path)
        policy = stored.pop("policy", None)
        n_actions, epsilon = stored.pop("n_actions").item(), float(stored.pop("epsilon", 0.0))
        return cls(**stored, n_actions=n_actions, epsilon=epsilon, policy=None if policy is None else policy.tobytes())


def effective_size(weights: Array) -> float:
    """
    :param weights: w ≥ 0, shape (n,)
    :return: (Σ wᵢ)²/Σ wᵢ², 0 if all are 0
    """
    largest = float(weights.max())
    if largest == 0:
        return 0.0
    scaled = weights / largest  # squares of large weights overflow
    return float(scaled.sum() ** 2 / (scaled**2).sum())
