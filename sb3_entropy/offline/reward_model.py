"""Models of the reward of every action, fitted so that no row is predicted by a model that has seen it."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from sb3_entropy.errors import check_number
from sb3_entropy.offline.checking import Array, Integers, as_numbers, as_probabilities, check_generator
from sb3_entropy.offline.feedback import LoggedFeedback
from sb3_entropy.offline.ridge import Ridge

#: so many different rewards are classes in any log, however short; in a longer one half as many as there are rounds
MOST_CLASSES = 10


class Regressor(Protocol):
    """What scikit-learn's regressors and classifiers are, and :class:`~sb3_entropy.offline.ridge.Ridge` too."""

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
    r̂(x, a), made of regressors; or of classifiers, whose classes are the rewards that occur, r̂ = Σ_r r·p̂(r|x, a).

    :param regressor: copied before it is fitted, so that the given one stays as it is. What has ``predict_proba`` is
        a classifier
    :raises TypeError: if it has no ``fit`` and ``predict``, or is a classifier without ``predict_proba``
    """

    def __init__(self, regressor: Regressor):
        able = all(callable(getattr(regressor, name, None)) for name in ("fit", "predict"))
        if not able or isinstance(regressor, type):
            raise TypeError(
                f"A reward model needs a regressor with fit(X, y) and predict(X), but {regressor!r} was given. Give "
                "e.g. Ridge(), or a regressor of scikit-learn, as an object and not as its class."
            )
        if _is_classifier(regressor) and not hasattr(regressor, "predict_proba"):
            raise _no_probabilities(regressor)
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
            predictions[:, action] = _fitted(self.regressor, contexts[rows], rewards[rows])(asked)
        return predictions


class OneHot(RewardModel):
    """One regressor for all actions, from the context and the action's one-hot vector (d + A features) to reward."""

    def fitted_predictions(
        self, contexts: Array, actions: Integers, rewards: Array, asked: Array, n_actions: int
    ) -> Array:
        one_hot = np.eye(n_actions)
        expected = _fitted(self.regressor, np.hstack([contexts, one_hot[actions]]), rewards)
        columns = [
            expected(np.hstack([asked, np.tile(one_hot[action], (len(asked), 1))])) for action in range(n_actions)
        ]
        return np.stack(columns, axis=1)


def _fitted(given: Regressor, X: Array, y: Array) -> Callable[[Array], Array]:
    """:return: the expected reward by a fitted copy, a function of features (k, d), shape (k,)"""
    regressor: Any = copy.deepcopy(given)
    if hasattr(regressor, "predict_proba"):
        return _fitted_classifier(regressor, X, y)
    regressor.fit(X, y)
    if hasattr(regressor, "classes_"):  # scikit-learn's classifiers were found out before; others are now
        raise _no_probabilities(regressor)

    def expected(asked: Array) -> Array:
        predictions = regressor.predict(asked)
        return as_numbers("What the reward model's regressor predicts", predictions, (len(asked),), "(rows,)")

    return expected


def _fitted_classifier(classifier: Any, X: Array, y: Array) -> Callable[[Array], Array]:
    """:return: Σ_r r·p̂(r|X), where the classes are the numbers of the rewards in the order of their values"""
    values, classes = np.unique(y, return_inverse=True)
    if len(values) > max(MOST_CLASSES, len(y) / 2):
        raise ValueError(
            f"A classifier tells a few rewards apart, but {len(values)} different ones stand in {len(y)} rounds. Give "
            f"a regressor instead of {classifier!r}."
        )
    if len(values) == 1:  # of which most classifiers make an error
        return lambda asked: np.full(len(asked), values[0])
    classifier.fit(X, classes)
    if not hasattr(classifier, "classes_"):
        raise TypeError(
            f"{classifier!r} has predict_proba, but no classes_ after fit, so that nobody knows which reward each of "
            "its columns belongs to. Give a classifier as scikit-learn's are, or a regressor."
        )
    rewards = values[np.asarray(classifier.classes_).astype(np.int64)]

    def expected(asked: Array) -> Array:
        shape = (len(asked), len(rewards))
        return as_probabilities("predict_proba of the reward model", classifier.predict_proba(asked), shape) @ rewards

    return expected


def _is_classifier(model: Any) -> bool:
    """Whether scikit-learn calls it one, before it is fitted; pipelines and searches are what their last step is."""
    tags = getattr(model, "__sklearn_tags__", None)
    kind = getattr(model, "_estimator_type", None) if tags is None else tags().estimator_type
    return bool(kind == "classifier")


def _no_probabilities(classifier: Any) -> TypeError:
    return TypeError(
        f"{classifier!r} is a classifier without predict_proba: it gives the likeliest reward, not the expected one. "
        "Give one with probabilities, such as LogisticRegression() or CalibratedClassifierCV(…), or a regressor."
    )


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
        the latter; ``None`` for ``PerAction(Ridge())``. Regressors have ``fit(X, y)`` and ``predict(X)``. Of what has
        ``predict_proba(X)`` too, a classifier, the expected reward is taken, Σ_r r·p̂(r|x, a)
    :return: r̂, shape (n, A)
    :raises TypeError: if an argument is not of the type that is said here
    :raises ValueError: if there are fewer than 2 folds, or more than rounds, a prediction is not finite, or a
        classifier is given too many different rewards
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
