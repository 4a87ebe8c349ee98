"""The Open Bandit Pipeline's format, there and back."""

from typing import Any

import numpy as np
import pytest
from simulated_logs import bent_log, zip_bytes

from sb3_entropy.offline import LoggedFeedback, from_obp, ips, to_obp

FIELDS = ("contexts", "actions", "rewards", "propensities", "n_actions", "behaviour", "mean_rewards", "policy")


def images() -> LoggedFeedback:
    return LoggedFeedback(
        contexts=np.arange(60, dtype=np.uint8).reshape(5, 2, 2, 3),
        actions=np.array([0, 1, 3, 1, 2]),
        rewards=np.array([1.0, 0.5, -2.0, 3.0, 0.0]),
        propensities=np.full(5, 0.25),
        n_actions=4,
        behaviour=np.full((5, 4), 0.25),
        mean_rewards=np.arange(20.0).reshape(5, 4),
        policy=zip_bytes(),
    )


def foreign(**changes: Any) -> dict[str, Any]:
    """What the pipeline's synthetic data looks like, by its documentation."""
    return {
        "n_rounds": 3,
        "n_actions": 2,
        "context": np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]),
        "action_context": np.array([[1, 0], [0, 1]]),
        "action": np.array([0, 1, 1]),
        "position": None,
        "reward": np.array([1, 0, 1]),
        "expected_reward": np.array([[0.5, 0.6], [0.7, 0.8], [0.9, 1.0]]),
        "pi_b": np.array([[0.25, 0.75], [0.5, 0.5], [0.1, 0.9]])[:, :, None],
        "pscore": np.array([0.25, 0.5, 0.9]),
    } | changes


@pytest.mark.parametrize("log", [images(), bent_log(20, np.random.default_rng(0))[0]], ids=["images", "vectors"])
def test_there_and_back(log: LoggedFeedback) -> None:
    restored = from_obp(to_obp(log))
    for name in FIELDS:
        assert np.array_equal(getattr(restored, name), getattr(log, name)), name
    assert restored.contexts.dtype == log.contexts.dtype


def test_numbers_as_contexts_and_unknown_fields() -> None:
    log = LoggedFeedback(np.array([3, 1]), np.array([0, 1]), np.zeros(2), np.full(2, 0.5), 2)
    feedback = to_obp(log)
    assert not {"pi_b", "expected_reward", "policy"} & feedback.keys()
    assert feedback["context"].tolist() == [[3], [1]]
    restored = from_obp(feedback)
    assert restored.contexts.shape == (2,)
    assert (restored.behaviour, restored.mean_rewards, restored.policy) == (None, None, None)


def test_shapes_that_the_pipeline_asks_for() -> None:
    feedback = to_obp(images())
    shapes = {key: np.shape(value) for key, value in feedback.items() if isinstance(value, np.ndarray)}
    assert shapes == {
        "context": (5, 12),
        "action_context": (4, 4),
        "action": (5,),
        "reward": (5,),
        "expected_reward": (5, 4),
        "pi_b": (5, 4, 1),
        "pscore": (5,),
    }
    assert (feedback["n_rounds"], feedback["n_actions"], feedback["position"]) == (5, 4, None)
    assert feedback["context_shape"] == (2, 2, 3)
    assert feedback["action"].dtype.kind == "i"


def test_foreign_feedback() -> None:
    log = from_obp(foreign())
    assert (len(log), log.n_actions, log.contexts.shape) == (3, 2, (3, 2))
    assert log.propensities.tolist() == [0.25, 0.5, 0.9]
    assert log.mean_rewards is not None
    assert log.mean_rewards[2].tolist() == [0.9, 1.0]
    target = np.array([[0.5, 0.5], [0.25, 0.75], [0.9, 0.1]])
    assert ips(log, target).value == pytest.approx((0.5 / 0.25 + 0.1 / 0.9) / 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"position": np.zeros(3, dtype=int)},
        {"pi_b": np.array([[0.25, 0.75], [0.5, 0.5], [0.1, 0.9]])},
        {"context": np.array([[True, False], [False, False], [True, True]])},
    ],
    ids=["one position", "pi_b of two axes", "booleans"],
)
def test_other_forms(changes: dict[str, Any]) -> None:
    assert from_obp(foreign(**changes)).propensities.tolist() == [0.25, 0.5, 0.9]


@pytest.mark.parametrize("key", ["n_rounds", "n_actions", "context", "action", "reward", "pscore"])
def test_missing_keys(key: str) -> None:
    absent = foreign()
    del absent[key]
    for feedback in (absent, foreign(**{key: None})):
        with pytest.raises(ValueError, match=rf"The bandit feedback has no {key}\. A log needs n_rounds, n_actions,"):
            from_obp(feedback)
    with pytest.raises(ValueError, match="it has nothing"):
        from_obp({})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"position": np.array([0, 1, 2])},
            r"position has 3 positions, and a log has one action a round \(len_list 1\)",
        ),
        ({"pi_b": np.full((3, 2, 3), 0.5)}, "pi_b has 3 positions.*Select the rounds of one position first"),
        ({"n_rounds": 4}, "n_rounds is 4, but context has 3 rows"),
        ({"n_rounds": 0}, "n_rounds must be a whole number ≥ 1, but 0 was given"),
        ({"reward": np.ma.masked_equal([1, 0, 9], 9)}, "rewards has 1 masked entries"),
        ({"context": np.ma.masked_equal([[1], [0], [9]], 9)}, "context has 1 masked entries"),
        ({"pscore": np.array([0.25, 0.5, 0.0])}, r"propensities must lie in \(0, 1\], but row 2 has 0"),
        ({"pscore": np.array([0.75, 0.5, 0.9])}, "propensities must be the probabilities of the logged actions in beh"),
        ({"action": np.array([0, 1, 2])}, "actions must lie between 0 and 1, but row 2 has 2"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_obp(foreign(**changes))


@pytest.mark.parametrize("n_rounds", [3.5, "3"])
def test_the_number_of_rounds_is_a_whole_one(n_rounds: Any) -> None:
    with pytest.raises(TypeError, match="n_rounds must be a whole number ≥ 1, but"):
        from_obp(foreign(n_rounds=n_rounds))
