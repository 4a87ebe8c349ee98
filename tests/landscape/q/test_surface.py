"""Q landscapes of formulas: what is on the grid, where the maxima are, and what is said of them."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from scipy.special import erf

from sb3_entropy.landscape.q.subject import Known
from sb3_entropy.landscape.q.surface import q_landscape
from tests.landscape.q.analytic import Cut, TanhGaussian, hill, subject

STATES = np.array([[0.5, -1.0], [2.0, 0.3], [-1.5, 0.0]])


def test_a_landscape_on_a_line() -> None:
    agent = subject([hill(0.5), hill(0.5, scale=3)], [hill(-0.25), hill(-0.25)], 1)
    found = q_landscape(agent, STATES, resolution=41)
    a = np.linspace(-1, 1, 41)
    np.testing.assert_allclose(found.plain.values[1], -2 * (a - 0.5) ** 2)  # the mean of both
    np.testing.assert_allclose(found.plain.lowered[1], -2 * (a - 0.5) ** 2, atol=1e-12)
    np.testing.assert_allclose(found.plain.best, 0.5)
    np.testing.assert_allclose(found.soft.best, -0.25)  # type: ignore[union-attr]
    np.testing.assert_allclose(found.gaps, 2 * 0.75**2)
    np.testing.assert_allclose(found.plain.ranges, 2 * 1.5**2)
    modes = np.tanh(0.3 * STATES[:, :1])
    np.testing.assert_allclose(found.mode, modes)
    np.testing.assert_allclose(found.plain.slope, -4 * (modes - 0.5), rtol=1e-6)
    # One and three times the same shape, each less its mean.
    shape = (a - 0.5) ** 2 - ((a - 0.5) ** 2).mean()
    np.testing.assert_allclose(found.plain.spread[0], np.abs(2 * shape) / np.sqrt(2))
    numbers = found.numbers()
    assert numbers["gap_share"] == pytest.approx((0.75 / 1.5) ** 2)
    assert numbers["distance"] == pytest.approx(0.75)
    assert numbers["plain_variation"] == pytest.approx((1.5**2 + 0.5**2) / 1.5**2)
    assert numbers["soft_spread"] == 0
    # The first mode, 0.15, lies between the maxima, the others beyond one of them.
    assert numbers["gradient_cosine"] == pytest.approx((-1 + 1 + 1) / 3)


def test_the_density_is_the_policys() -> None:
    """Its integral is 1, and half of it lies on either side of the mode, which is the median of tanh u."""
    found = q_landscape(subject([hill(0.0)], None, 1), STATES, resolution=2001)
    a = found.grid[0, 0]
    np.testing.assert_allclose(np.trapezoid(found.density, a, axis=1), 1, atol=1e-3)
    # P(tanh u ≤ 0) for u ~ N(0.3·0.5, 0.5²)
    below = np.trapezoid(found.density[0][a <= 0], a[a <= 0])  # type: ignore[index]
    assert below == pytest.approx((1 + erf(-0.15 / 0.5 / np.sqrt(2))) / 2, abs=1e-3)


def test_constants_between_soft_and_plain_do_not_count() -> None:
    def lifted(states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return hill(0.2, 0.1)(states, actions) + 100 + 7 * states[..., 0]

    found = q_landscape(subject([hill(0.2, 0.1)], [lifted], 2), STATES)
    np.testing.assert_allclose(found.difference, 0, atol=1e-9)
    assert found.numbers()["gap"] == 0
    assert found.numbers()["plain_bend"] == pytest.approx(found.numbers()["soft_bend"])


def test_the_square_has_the_first_action_first() -> None:
    def tilted(_: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return 10 * actions[..., 0] - actions[..., 1]

    found = q_landscape(subject([tilted], [hill(-1, -1)], 2), STATES, resolution=21)
    np.testing.assert_allclose(found.plain.values[0], np.add.outer(10 * found.grid[0, 0], -found.grid[0, 1]))
    np.testing.assert_allclose(found.plain.best, [[1, -1]] * 3)
    np.testing.assert_allclose(found.gaps, 20)
    np.testing.assert_allclose(found.plain.slope, [[10, -1]] * 3, rtol=1e-6)
    assert found.planes.kind == "box"
    assert "plain_variation" not in found.numbers()
    assert "plain_spread" not in found.numbers()


@pytest.mark.parametrize("plane", ["principal", "greedy", "random", (0, 19)])
def test_twenty_actions(plane: Any) -> None:
    centre = np.linspace(-0.8, 0.8, 20)
    agent = subject([hill(*centre)] * 2, [hill(*-centre)] * 2, 20)
    found = q_landscape(agent, "critical", plane, 31, n_states=3)
    inside = np.isfinite(found.plain.values)
    actions, expected = found.planes.actions(31)
    assert np.array_equal(inside, expected)
    np.testing.assert_allclose(found.plain.values[inside], -((actions[inside] - centre) ** 2).sum(axis=-1))
    assert np.array_equal(np.isfinite(found.density), inside)
    assert set(found.numbers()) >= {"gap", "gap_judged", "plain_slope", "soft_bend", "distance"}
    assert all(np.isfinite(value) for value in found.numbers().values())
    said = " ".join(found.sentences())
    assert ("u is above all" in said) == (plane != (0, 19))
    if plane == "greedy":  # both greedy actions lie in it
        assert found.numbers()["distance"] > 1


def test_principal_planes_follow_the_policy() -> None:
    states = np.random.default_rng(0).normal(size=(100, 4)) * [0.1, 2.0, 0.1, 1.0]
    agent = subject([hill(0, 0, 0, 0)], None, 4, observations=states)
    found = q_landscape(agent, states[:1])
    assert np.abs(found.planes.directions[0, 0, 1]) > 0.95
    assert np.abs(found.planes.directions[0, 1, 3]) > 0.95
    other = q_landscape(agent, states[:1], "random", seed=1).planes.directions
    assert not np.allclose(other, q_landscape(agent, states[:1], "random").planes.directions)


def test_no_action_outside_the_box_is_asked_for() -> None:
    agent = subject([hill(0, 0, 0, 0, 0)], None, 5)
    critics: Any = agent.plain
    found = q_landscape(agent, STATES, "random", 41)
    most = np.isfinite(found.plain.values).sum(axis=(1, 2)).max()
    assert critics.asked == 3 * most + 2 * 5 * 3  # and the gradients' differences
    assert most < 41 * 41


def test_a_deterministic_policy_has_neither_density_nor_soft_q() -> None:
    agent = subject([hill(0.3, 0.1)], None, 2, behaviour=TanhGaussian(2, is_stochastic=False))
    found = q_landscape(agent, "visited", n_states=2)
    assert found.density is None
    assert found.soft is None
    assert found.difference is None
    assert found.gaps is None
    assert "gap" not in found.numbers()
    assert found.sentences()[0] == "There are no soft critics of this policy: plain Q alone is drawn."
    with pytest.raises(ValueError, match="no soft critics"):
        q_landscape(agent)


def test_what_is_said() -> None:
    def wavy(_: np.ndarray, actions: np.ndarray) -> np.ndarray:
        return np.sin(9 * actions[..., 0])

    agent = subject([wavy, wavy], [hill(-0.5), hill(-0.5)], 1)
    said = q_landscape(agent, "critical", n_states=2).sentences()
    assert any("where soft Q is greatest, plain Q is " in one for one in said[:2])
    assert said[0].startswith("Episode ")
    assert any("by the others, which have not chosen, they are" in one for one in said)
    assert "By both slope and bend soft Q is the smoother one." in said
    # √(mean (9 cos 9a)²) = 9 √(½ + sin 18/36) = 6.23; three maxima inside, and the left end.
    assert any(one.startswith("Plain Q: slope 6.23") and "local maxima 4 on average" in one for one in said)
    alone = q_landscape(subject([wavy], [wavy], 1), "critical", n_states=1).sentences()
    assert any("The same critics have chosen and judged" in one for one in alone)
    assert any("Over 1 state that is 0 % of the range." in one for one in alone)


def test_where_it_is_far_from_data() -> None:
    found = q_landscape(subject([hill(0, 0, 0)], None, 3, known=Cut(0.5)), STATES, (0, 1), 21)
    assert found.far.shape == (3, 21, 21)  # type: ignore[union-attr]
    assert found.far[:, 16:].all()  # type: ignore[index]
    assert not found.far[:, :15].any()  # type: ignore[index]
    assert found.numbers()["far_share"] == pytest.approx(5 / 21)
    assert any("23.8 % of the actions are far from the data" in one for one in found.sentences())


def test_a_mode_in_a_corner_is_said() -> None:
    agent = subject([hill(0, 0, 0, 0)], None, 4, behaviour=TanhGaussian(4, weight=50))
    said = q_landscape(agent, STATES[:1], "random", seed=3).sentences()
    assert any("The mode lies in a corner of the box" in one and "in state 0" in one for one in said)


def test_dicts_of_observations() -> None:
    states = {"x": np.random.default_rng(1).normal(size=(50, 2))}
    agent = subject([hill(0.1)] * 2, [hill(0.2)] * 2, 1, observations=states)
    found = q_landscape(agent, n_states=2)
    assert len(found.states) == 2
    assert set(found.states.observations) == {"x"}


def test_bad_input_is_told() -> None:
    unbounded = spaces.Box(-np.inf, np.inf, (1,))
    with pytest.raises(ValueError, match="has no bounds"):
        q_landscape(subject([hill(0)], None, 1, space=unbounded), STATES)
    with pytest.raises(ValueError, match="Unknown plane"):
        q_landscape(subject([hill(0)], None, 1), STATES, "diagonal")
    with pytest.raises(ValueError, match="resolution must be"):
        q_landscape(subject([hill(0)], None, 1), STATES, resolution=1)
    with pytest.raises(ValueError, match="values or gradients that are not finite"):
        q_landscape(subject([lambda s, a: np.full(a.shape[:2], np.nan)], None, 1), STATES)


def test_data_are_those_of_the_critics() -> None:
    """Of actions that were all tried in [−0.2, 0.2] the others are far; a state far from all others is, whatever a."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2000, 2))
    known = Known(features, rng.uniform(-0.2, 0.2, size=(2000, 1)), read=np.asarray)
    found = q_landscape(subject([hill(0)], None, 1, known=known), np.array([[0.0, 0.0], [30.0, 0.0]]))
    a = found.grid[0, 0]
    assert not found.far[0][np.abs(a) < 0.2].any()  # type: ignore[index]
    assert found.far[0][np.abs(a) > 0.8].all()  # type: ignore[index]
    assert found.far[1].all()  # type: ignore[index]
    unread = Known(known.features, known.actions)
    assert q_landscape(subject([hill(0)], None, 1, known=unread), STATES).far is None
