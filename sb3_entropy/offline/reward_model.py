"""Models of the reward of every action, fitted so that no row is predicted by a model that has seen it."""

import copy
from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.offline.checking import Array, Integers, as_numbers, check_generator
from sb3_entropy.offline.feedback import LoggedFeedback
from sb3_entropy.offline.ridge import Ridge


class Regressor(Protocol):
    """What scikit-learn's regressors are, and :class:`~sb3_entropy.offline.ridge.Ridge` too."""

    def fit(self, X: Array, y: Array) -> Any:
        """
        :param X: features, shape (m, d)
        :param y: what to predict, shape (m,)
        """

    def predict(self, X: Array) -> Any:
        """
        :param X: features, shape (k, d)
        :return: predictions, shape (k,)
        """


class RewardModel(ABC):
    """
    r̂(x, a), made of regressors.

    :param regressor: copied before it is fitted, so that the given one stays as it is
    :raises TypeError: if it has no ``fit`` and ``predict``
    """

    def __init__(self, regressor: Regressor):
        able = all(callable(getattr(regressor, name, None)) for name in ("fit", "predict"))
        if not able or isinstance(regressor, type):
            raise TypeError(
                f"A reward model needs a regressor with fit(X, y) and predict(X), but {regressor!r} was given. Give "
                "e.g. Ridge(), or a regressor of scikit-learn, as an object and not as its class."
            )
        self.regressor = regressor

    @abstractmethod
    def fitted_predictions(
        self, contexts: Array, actions: Integers, rewards: Array, asked: Array, n_actions: int
    ) -> Array:
        """
        Fit to some rounds and predict the rewards of all actions in other contexts.

        :param contexts: of the rounds to learn from, shape (m, d)
        :param actions: shape (m,)
        :param rewards: shape (m,)
        :param asked: the contexts to predict for, shape (k, d)
        :param n_actions: A
        :return: r̂, shape (k, A)
        """


class PerAction(RewardModel):
    """One regressor for each action, from context to reward; an action that was never seen gets the mean of all."""

    def fitted_predictions(
        self, contexts: Array, actions: Integers, rewards: Array, asked: Array, n_actions: int
    ) -> Array:
        predictions = np.full((len(asked), n_actions), rewards.mean())
        for action in np.unique(actions):
            rows = actions == action
            regressor = copy.deepcopy(self.regressor)
            regressor.fit(contexts[rows], rewards[rows])
            predictions[:, action] = _predicted(regressor, asked)
        return predictions


class OneHot(RewardModel):
    """One regressor for all actions, from the context and the action's one-hot vector (d + A features) to reward."""

    def fitted_predictions(
        self, contexts: Array, actions: Integers, rewards: Array, asked: Array, n_actions: int
    ) -> Array:
        one_hot = np.eye(n_actions)
        regressor = copy.deepcopy(self.regressor)
        regressor.fit(np.hstack([contexts, one_hot[actions]]), rewards)
        columns = [
            _predicted(regressor, np.hstack([asked, np.tile(one_hot[action], (len(asked), 1))]))
            for action in range(n_actions)
        ]
        return np.stack(columns, axis=1)


def _predicted(regressor: Regressor, X: Array) -> Array:
    return as_numbers("What the reward model's regressor predicts", regressor.predict(X), (len(X),), "(rows,)")


def fit_reward_model(
    log: LoggedFeedback,
    folds: int = 2,
    *,
    rng: np.random.Generator,
    model: RewardModel | Regressor | None = None,
) -> Array:
    """
    Cross-fitted predictions r̂(xᵢ, a): the rounds are dealt to folds at random, and each fold is predicted by a model
    of all others. So r̂(xᵢ, ·) is independent of rᵢ, which keeps the doubly robust estimator unbiased (Chernozhukov et
    al. 2018, *Double/debiased machine learning*).

    :param log: the log; its contexts are flattened to vectors
    :param folds: at least 2; more of them leave more to learn from, and take longer
    :param rng: where the folds come from
    :param model: how to predict: ``PerAction(regressor)``, ``OneHot(regressor)``, or a regressor, which stands for
        the latter; ``None`` for ``PerAction(Ridge())``. Regressors have ``fit(X, y)`` and ``predict(X)``
    :return: r̂, shape (n, A)
    :raises TypeError: if an argument is not of the type that is said here
    :raises ValueError: if there are fewer than 2 folds, or more than rounds, or a prediction is not finite
    """
    check_number("folds", folds, low=2, integer=True)
    check_generator(rng)
    if folds > len(log):
        raise ValueError(f"folds must be at most the {len(log)} rounds of the log, but {folds} was given.")
    if model is None:
        model = PerAction(Ridge())
    elif not isinstance(model, RewardModel):
        model = OneHot(model)
    contexts = log.contexts.reshape(len(log), -1).astype(np.float64, copy=False)
    fold: np.ndarray = rng.permutation(np.arange(len(log)) % folds)
    predictions = np.empty((len(log), log.n_actions))
    for k in range(folds):
        seen, asked = fold != k, fold == k
        predictions[asked] = model.fitted_predictions(
            contexts[seen], log.actions[seen], log.rewards[seen], contexts[asked], log.n_actions
        )
    return predictions
