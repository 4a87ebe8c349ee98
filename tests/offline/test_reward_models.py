"""Ridge regression against scikit-learn, and cross-fitting against its definition."""

from typing import Any

import numpy as np
import pytest
from simulated_logs import bent_log

from sb3_entropy.offline import (
    LoggedFeedback,
    OneHot,
    PerAction,
    Ridge,
    direct_method,
    doubly_robust,
    fit_reward_model,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("shape", [(30, 4), (4, 30), (5, 5), (1, 3)])
@pytest.mark.parametrize("penalty", [0.1, 20.0])
def test_ridge_is_scikit_learns(shape: tuple[int, int], penalty: float) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y, asked = rng().normal(3, 2, size=shape), rng(1).normal(5, 1, size=shape[0]), rng(2).normal(size=(7, shape[1]))
    expected = linear_model.Ridge(penalty).fit(X, y).predict(asked)
    assert Ridge(penalty).fit(X, y).predict(asked) == pytest.approx(expected, rel=1e-9)


def test_ridge_minimises_its_objective() -> None:
    """The gradient of ‖y − ŷ‖² + λ‖β‖² by central differences is 0, and the residuals add up to 0."""
    X, y = rng().normal(2, 1, size=(20, 3)), rng(1).normal(size=20)
    fitted = Ridge(0.7).fit(X, y)
    intercept = fitted.predict(np.zeros((1, 3)))[0]
    slope = fitted.predict(np.eye(3)) - intercept

    def objective(parameters: np.ndarray) -> float:
        residuals = y - parameters[0] - X @ parameters[1:]
        return float(residuals @ residuals + 0.7 * parameters[1:] @ parameters[1:])

    found = np.array([intercept, *slope])
    gradient = [(objective(found + h) - objective(found - h)) / 2e-5 for h in 1e-5 * np.eye(4)]
    assert gradient == pytest.approx(np.zeros(4), abs=1e-7)


@pytest.mark.parametrize("penalty", [0, -1.0])
def test_penalties_that_are_none(penalty: float) -> None:
    with pytest.raises(ValueError, match="penalty must be a number > 0, but"):
        Ridge(penalty)


class Recorder:
    """Predicts the mean, and keeps what it has seen in a list that its copies share."""

    seen: list[tuple[np.ndarray, np.ndarray]]

    def __init__(self) -> None:
        self.seen = []

    def __deepcopy__(self, memo: Any) -> "Recorder":
        copied = type(self)()
        copied.seen = self.seen
        return copied

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.seen.append((X, y))
        self.level = y.mean()

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.level)


def numbered(n: int = 10) -> LoggedFeedback:
    """Round i has the context i and the reward i."""
    return LoggedFeedback(np.arange(n), np.arange(n) % 2, np.arange(n), np.full(n, 0.5), 3)


@pytest.mark.parametrize("folds", [2, 3, 10])
def test_no_row_is_predicted_by_a_model_that_has_seen_it(folds: int) -> None:
    recorder = Recorder()
    predictions = fit_reward_model(numbered(), folds, rng=rng(), model=OneHot(recorder))
    assert len(recorder.seen) == folds
    left_out = [np.setdiff1d(np.arange(10), X[:, 0]) for X, _ in recorder.seen]
    assert sorted(np.concatenate(left_out)) == list(range(10))
    assert {len(rows) for rows in left_out} <= {10 // folds, -(-10 // folds)}
    for rows, (X, y) in zip(left_out, recorder.seen, strict=True):
        assert np.array_equal(X[:, 0], y)
        assert predictions[rows.astype(int)] == pytest.approx(np.full((len(rows), 3), y.mean()))


def test_features_of_one_hot_and_of_per_action() -> None:
    recorder = Recorder()
    fit_reward_model(numbered(), rng=rng(), model=recorder)  # a bare regressor stands for OneHot
    X, y = recorder.seen[0]
    assert np.array_equal(X[:, 1:], np.eye(3)[y.astype(int) % 2])
    recorder = Recorder()
    predictions = fit_reward_model(numbered(), rng=rng(), model=PerAction(recorder))
    assert [X.shape[1] for X, _ in recorder.seen] == [1] * 4
    assert all(len(set(y % 2)) == 1 for _, y in recorder.seen)
    # Action 2 never occurs: it gets the mean of the other fold.
    other = {tuple(row) for row in predictions[:, 2:]}
    sums = sum(y.sum() for _, y in recorder.seen[:2]), sum(y.sum() for _, y in recorder.seen[2:])
    assert other == {(sums[0] / 5,), (sums[1] / 5,)}


def test_the_given_regressor_is_left_alone() -> None:
    ridge = Ridge()
    fit_reward_model(numbered(), rng=rng(), model=PerAction(ridge))
    assert vars(ridge) == {"penalty": 1.0}


def test_linear_rewards_are_found_again() -> None:
    """Images of 2 × 3, and rewards without noise that are linear in them, other ones for each action."""
    n = 120
    contexts, slopes = rng().normal(size=(n, 2, 3)), rng(1).normal(size=(6, 4))
    means = 1 + contexts.reshape(n, 6) @ slopes
    actions = rng(2).integers(4, size=n)
    log = LoggedFeedback(contexts, actions, means[np.arange(n), actions], np.full(n, 0.25), 4)
    assert fit_reward_model(log, rng=rng(), model=PerAction(Ridge(1e-9))) == pytest.approx(means, abs=1e-6)


def test_folds_come_from_the_generator() -> None:
    log, _ = bent_log(50, rng())
    first = fit_reward_model(log, rng=rng(1))
    assert np.array_equal(first, fit_reward_model(log, rng=rng(1)))
    assert not np.array_equal(first, fit_reward_model(log, rng=rng(2)))


def test_scikit_learn_regressors_fit() -> None:
    tree = pytest.importorskip("sklearn.tree")
    log, _ = bent_log(3000, rng())
    assert log.mean_rewards is not None
    errors = {}
    for name, model in {
        "line": None,
        "bare": tree.DecisionTreeRegressor(max_depth=6),
        "per_action": PerAction(tree.DecisionTreeRegressor(max_depth=5)),
    }.items():
        errors[name] = np.abs(fit_reward_model(log, rng=rng(), model=model) - log.mean_rewards).mean()
    assert max(errors["bare"], errors["per_action"]) < errors["line"]


@pytest.mark.parametrize(
    ("folds", "message"), [(1, "folds must be a whole number ≥ 2, but 1"), (11, "at most the 10 r")]
)
def test_folds_that_are_none(folds: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_reward_model(numbered(), folds, rng=rng())


class Broken(Recorder):
    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full((len(X), 2), 1.0)


def test_models_that_are_none() -> None:
    for wrong in (Ridge, "ridge", 3):
        with pytest.raises(TypeError, match=r"needs a regressor with fit\(X, y\) and predict\(X\), but .* was given"):
            OneHot(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"What the reward model's regressor predicts must have the shape \(rows,\)"):
        fit_reward_model(numbered(), rng=rng(), model=Broken())
    with pytest.raises(TypeError, match="rng must be a NumPy generator"):
        fit_reward_model(numbered(), rng=0)  # type: ignore[arg-type]


class Rates:
    """A classifier of one's own: the shares of the classes, the last class first."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        found, counts = np.unique(y, return_counts=True)
        self.classes_, self.shares = found[::-1], counts[::-1] / len(y)

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.classes_[self.shares.argmax()])

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return np.tile(self.shares, (len(X), 1))


def rewarded(values: list[float], shares: list[float], n: int = 2000) -> tuple[LoggedFeedback, np.ndarray]:
    """:return: rounds whose rewards depend on nothing, and a policy that prefers action 0"""
    contexts, actions = rng(1).normal(size=(n, 2)), rng(2).integers(3, size=n)
    log = LoggedFeedback(contexts, actions, rng(3).choice(values, size=n, p=shares), np.full(n, 1 / 3), 3)
    return log, np.tile([0.8, 0.1, 0.1], (n, 1))


def classifiers() -> dict[str, Any]:
    """:return: models whose likeliest reward of the logs below is 0"""
    linear = pytest.importorskip("sklearn.linear_model")
    pipeline, selection = pytest.importorskip("sklearn.pipeline"), pytest.importorskip("sklearn.model_selection")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    logistic = linear.LogisticRegression()
    return {
        "own": Rates(),
        "logistic": logistic,
        "pipeline": pipeline.make_pipeline(preprocessing.StandardScaler(), logistic),
        "search": selection.GridSearchCV(logistic, {"C": [0.1]}, cv=2),
        "per_action": PerAction(logistic),
    }


@pytest.mark.parametrize("name", ["own", "logistic", "pipeline", "search", "per_action"])
@pytest.mark.parametrize(
    ("values", "shares", "truth"), [([0.0, 1.0], [0.7, 0.3], 0.3), ([-0.5, 0.0, 2.5], [0.25, 0.5, 0.25], 0.5)]
)
def test_a_classifiers_expected_reward_is_taken(
    name: str, values: list[float], shares: list[float], truth: float
) -> None:
    """Not its likeliest, which is 0 here. Bands: four standard errors of the mean of a third of the rewards, 6e-5."""
    log, target = rewarded(values, shares)
    predictions = fit_reward_model(log, rng=rng(), model=classifiers()[name])
    error = float(log.rewards.std()) / np.sqrt(len(log))
    band = 4 * np.sqrt(3) * error
    direct, robust = direct_method(log, target, predictions), doubly_robust(log, target, predictions)
    assert direct.value == pytest.approx(truth, abs=band)
    assert direct.low < direct.value < direct.high
    assert robust.value == pytest.approx(truth, abs=band)
    # With the right model the variance is that of r − E[r] under the weights, and no more.
    assert robust.standard_error < 1.05 * np.sqrt((log.importance_weights(target) ** 2).mean()) * error


def test_one_reward_alone_is_predicted_as_it_is() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    log, _ = rewarded([0.25], [1.0], 40)
    assert np.array_equal(fit_reward_model(log, rng=rng(), model=linear.LogisticRegression()), np.full((40, 3), 0.25))


class Labels(Rates):
    """Known for a classifier only when it is fitted."""

    predict_proba = property()  # type: ignore[assignment]  # which an object then has not


class Nameless(Rates):
    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.shares = np.full(2, 0.5)


def test_classifiers_that_cannot_be_used() -> None:
    linear, svm = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.svm")
    pipeline, selection = pytest.importorskip("sklearn.pipeline"), pytest.importorskip("sklearn.model_selection")
    log, _ = rewarded([0.0, 1.0], [0.5, 0.5], 40)
    for wrong in (
        linear.RidgeClassifier(),
        svm.LinearSVC(),
        pipeline.make_pipeline(svm.LinearSVC()),
        selection.GridSearchCV(svm.LinearSVC(), {}),
        Labels(),
    ):
        with pytest.raises(TypeError, match=r"is a classifier without predict_proba: .*the likeliest reward"):
            fit_reward_model(log, rng=rng(), model=wrong)
    with pytest.raises(TypeError, match="has predict_proba, but no classes_ after fit"):
        fit_reward_model(log, rng=rng(), model=Nameless())
    with pytest.raises(ValueError, match=r"20 different ones stand in 20 rounds. Give a regressor instead of Log"):
        fit_reward_model(bent_log(40, rng())[0], rng=rng(), model=linear.LogisticRegression())
