"""What the extension refuses, and what it says then."""

from typing import Any

import numpy as np
import pytest
from processes import corridor, measured, random_mdp

from sb3_entropy.mdp import bifurcate, value_iteration

THIRDS = [0.25, 0.25, 0.5]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"state": 5}, ValueError, r"state must be between 0 and 4, but 5 was given\."),
        ({"state": -1}, ValueError, r"state must be between 0 and 4, but -1 was given\."),
        ({"state": 4}, ValueError, r"State 4 is absorbing: .* States in which an agent acts are 0, 1, 2, 3\."),
        ({"state": 1.0}, TypeError, r"state must be a whole number, or a list of these, but 1\.0 was given"),
        ({"state": True}, TypeError, "state must be a whole number"),
        ({"state": "2"}, TypeError, "state must be a whole number"),
        ({"state": []}, ValueError, "state must name at least one state, but an empty list"),
        ({"state": [1, 2, 1], "target": [THIRDS] * 3}, ValueError, r"but 1 is named 2 times in \[1, 2, 1\]"),
        ({"state": [1, 2]}, ValueError, r"target must have the shape \(K, A\) = \(2, 3\), but \(3,\) was given"),
        ({"target": [0.5, 0.5]}, ValueError, r"target must have the shape \(A,\) = \(3,\), but \(2,\) was given"),
        ({"target": [THIRDS]}, ValueError, r"target must have the shape \(A,\) = \(3,\), but \(1, 3\) was given"),
        ({"target": ["a", "b", "c"]}, TypeError, "target must be an array of numbers"),
        ({"target": [0.5, np.nan, 0.5]}, ValueError, "target must be finite"),
        (
            {"target": [0.5, 0.5, 0.0]},
            ValueError,
            r"state 2 must be > 0 for every action .* action 2 has 0: a soft-opt",
        ),
        ({"target": [1.5, -1.0, 0.5]}, ValueError, r"state 2 must be > 0 for every action .* but action 1 has -1"),
        ({"target": [0.5, 0.25, 0.2]}, ValueError, r"The target of state 2 must add up to 1, but its sum is 0\.95\."),
        ({"alpha": 0.0}, ValueError, "alpha must be a number > 0, but 0.0"),
        ({"alpha": -0.3}, ValueError, "alpha must be a number > 0, but -0.3"),
        ({"alpha": np.inf}, ValueError, "alpha must be a number > 0, but inf"),
        ({"alpha": "auto"}, TypeError, "alpha must be a number > 0, but 'auto'"),
        ({"counts": 1}, TypeError, "counts must be True or False, but 1 was given"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be a number > 0"),
        ({"share": 0.0}, ValueError, "share must be a number > 0 and ≤ 1"),
        ({"share": 1.0}, ValueError, "share must be less than 1: at 1 there is no A2"),
        ({"gap": 0.0}, ValueError, "gap must be a number > 0"),
        (
            {"mdp": "FrozenLake-v1"},
            TypeError,
            r"mdp must be a TabularMDP, but 'FrozenLake-v1' was given\. TabularMDP\.fr",
        ),
    ],
)
def test_a_bad_argument_is_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    given: dict[str, Any] = {"mdp": random_mdp(), "state": 2, "target": THIRDS, "alpha": 0.3, **arguments}
    with pytest.raises(error, match=message):
        bifurcate(**given)


def test_a_target_on_an_action_that_is_absent() -> None:
    with pytest.raises(
        ValueError, match=r"state 1 must be 0 where an action is absent, but action 2 has 0\.5 and a log_m"
    ):
        bifurcate(measured(), 1, THIRDS, 0.3)
    with pytest.raises(
        ValueError, match=r"must be 0 where an action is absent, but action 2 has -0\.5 .*Present are 0, 1"
    ):
        bifurcate(measured(), 1, [0.75, 0.75, -0.5], 0.3)


@pytest.mark.parametrize("counts", [False, True])
@pytest.mark.parametrize("alpha", [1e-12, 5e-324])
def test_a_temperature_that_rounding_swallows(alpha: float, counts: bool) -> None:
    message = (
        "is too small for this process: soft values are as large as .* alpha, which double precision does not know"
    )
    with pytest.raises(ValueError, match=message):
        bifurcate(random_mdp(), 2, THIRDS, alpha, counts=counts)


def test_the_temperature_that_a_message_names_will_do() -> None:
    mdp = random_mdp()
    with pytest.raises(ValueError, match="Give alpha ≥") as told:
        bifurcate(mdp, 2, THIRDS, 1e-7)
    advised = float(str(told.value).split("Give alpha ≥ ")[1].split(",")[0])
    assert 1e-6 < advised < 1e-4
    extended, certificate = bifurcate(mdp, 2, THIRDS, advised)
    assert certificate.holds()
    np.testing.assert_allclose(value_iteration(extended, advised, tolerance=0.0).pi[2], THIRDS, atol=1e-9)


@pytest.mark.parametrize(
    ("counts", "gap", "message"),
    [
        (True, 1e6, "counts overflow, with logarithms as large as"),
        (False, 1e6, "measures have logarithms as large as"),
    ],
)
def test_a_gap_that_overflows_counts_and_measures(counts: bool, gap: float, message: str) -> None:
    mdp = random_mdp(R=np.zeros((5, 3)))  # values are those of entropy alone, so that only n₂ is large
    with pytest.raises(ValueError, match=rf"gap=1e\+06 is too large for alpha=1e-05: {message} .* Give gap ≤ ") as told:
        bifurcate(mdp, 2, THIRDS, 1e-5, counts=counts, gap=gap)
    advised = float(str(told.value).split("Give gap ≤ ")[1].split(",")[0])
    _, certificate = bifurcate(mdp, 2, THIRDS, 1e-5, counts=counts, gap=advised)
    assert certificate.holds()
    with pytest.raises(ValueError, match=r"gap=.* is too large"):
        bifurcate(mdp, 2, THIRDS, 1e-5, counts=counts, gap=1.2 * advised)


def test_a_sum_within_rounding_is_normalised() -> None:
    _, certificate = bifurcate(random_mdp(), 2, np.array(THIRDS) * (1 + 5e-9), 0.3)
    np.testing.assert_array_equal(certificate.targets[0], THIRDS)
    assert certificate.holds()


def test_soft_values_that_are_infinite() -> None:
    with pytest.raises(ValueError, match=r"With gamma = 1 every episode must end, and wandering on must not pay"):
        bifurcate(corridor(2), 1, [0.5, 0.5], 5.0)
    # Whole numbers pay for entropy at every return to s, here more than the way costs.
    bifurcate(corridor(3), 1, [0.9, 0.1], 1.0)
    with pytest.raises(ValueError, match=r"With gamma = 1 every episode must end, and wandering on must not pay"):
        bifurcate(corridor(3), 1, [1 - 1e-9, 1e-9], 1.0, counts=True)


def test_several_states_may_be_an_array() -> None:
    _, certificate = bifurcate(random_mdp(), np.array([1, 2]), [THIRDS, THIRDS], 0.3)  # type: ignore[arg-type]
    assert certificate.states.tolist() == [1, 2]
    _, certificate = bifurcate(random_mdp(), (2,), [THIRDS], 0.3)
    assert certificate.states.tolist() == [2]
    _, certificate = bifurcate(random_mdp(), np.int64(2), THIRDS, np.float64(0.3))  # type: ignore[arg-type]
    assert certificate.states.tolist() == [2]
