"""In which states one looks: evenly, each once, and where the maxima disagree."""

from typing import Any

import numpy as np
import pytest

from sb3_entropy.landscape.q.states import States, critical_states, find_states, given_states, visited_states
from sb3_entropy.landscape.q.subject import Visited
from tests.landscape.q.analytic import Formula, hill, subject

LINE = np.linspace(-1, 1, 60)[:, None]


def moving(scale: float = 1.0) -> Formula:
    """Its greatest action is the state's first number."""
    return lambda states, actions: -scale * (actions[..., 0] - states[..., 0]) ** 2


def test_visited_states_are_even_over_all_steps() -> None:
    visited = Visited(LINE, np.repeat([0, 1, 2], 20))
    found = visited_states(visited, 6)
    assert found.names == tuple(f"episode {e}, step {s}" for e in range(3) for s in (5, 15))
    np.testing.assert_array_equal(found.observations, LINE[[5, 15, 25, 35, 45, 55]])
    assert (found.kind, found.among, found.gaps) == ("visited", 60, None)


def test_each_state_is_looked_at_once() -> None:
    """As on Bifurcation: one start in all episodes."""
    visited = Visited({"x": np.tile(np.eye(3)[[0, 2]], (8, 1))}, np.repeat(np.arange(8), 2))
    found = visited_states(visited, 4)
    assert len(found) == 2
    np.testing.assert_array_equal(found.observations["x"], np.eye(3)[[0, 2]])
    assert found.names == ("episode 0, step 0", "episode 0, step 1")


def test_critical_states_are_where_the_maxima_disagree_in_plain_value() -> None:
    """Soft Q is greatest at 0, plain Q at s: the gap is s², to the step of the grid."""
    agent = subject([moving()] * 2, [hill(0)] * 2, 1, observations=LINE, episodes=np.zeros(60))
    found = critical_states(agent, 4, among=60)
    assert found.kind == "critical"
    np.testing.assert_allclose(np.sort(np.abs(found.observations[:, 0])), np.sort(np.abs(LINE[[0, 59, 1, 58], 0])))
    np.testing.assert_allclose(found.gaps, found.observations[:, 0] ** 2, atol=1e-3)
    assert (found.chosen_by, found.judged_by, found.among) == ((0,), (1,), 60)


def test_who_has_chosen_does_not_judge() -> None:
    """The first critic dreams of a hill that the others do not know; two of them agree on another."""
    one, other = moving(), hill(0)
    agent = subject([one, other, other], [other] * 3, 1, observations=LINE, episodes=np.zeros(60))
    found = critical_states(agent, 2)
    np.testing.assert_allclose(found.gaps, -1.0, atol=1e-12)  # −s² + 0 at s = ±1
    assert found.judged_by == (1, 2)
    alone = critical_states(subject([one], [other], 1, observations=LINE, episodes=np.zeros(60)), 2)
    np.testing.assert_allclose(alone.gaps, 1.0)
    assert alone.judged_by == alone.chosen_by == (0,)


def test_noise_alone_has_no_gap_on_average() -> None:
    """Independent noise in every critic: 64 judged gaps of standard deviation √(2/2), their mean is within 0.5, 4 σ."""

    def noise(seed: int) -> Formula:
        rng = np.random.default_rng(seed)
        return lambda states, actions: rng.normal(size=actions.shape[:2])

    states = np.random.default_rng(0).normal(size=(64, 3))
    agent = subject([noise(1), noise(2), noise(3)], [noise(4)] * 3, 2, observations=states, episodes=np.zeros(64))
    found = critical_states(agent, 64)
    assert abs(found.gaps.mean()) < 0.5  # type: ignore[union-attr]
    assert found.gaps.std() > 0.5  # type: ignore[union-attr]


def test_they_are_spread_over_episodes_as_long_as_there_are_enough() -> None:
    episodes = np.repeat([0, 1, 2], [50, 5, 5])
    agent = subject([moving()] * 2, [hill(2)] * 2, 1, observations=LINE, episodes=episodes)
    found = critical_states(agent, 6, among=60)
    assert sorted(int(name[8]) for name in found.names) == [0, 0, 1, 1, 2, 2]
    most = critical_states(agent, 16, among=60)  # two of the episodes have five each
    assert sorted(int(name[8]) for name in most.names) == [0] * 6 + [1] * 5 + [2] * 5
    assert len(critical_states(agent, 99, among=60)) == 60


def test_states_can_be_given() -> None:
    assert given_states(LINE[:2]).names == ("state 0", "state 1")
    listed = given_states([[0.0, 1.0]])
    assert listed.observations.shape == (1, 2)
    agent = subject([moving()], None, 1, observations=LINE, episodes=np.zeros(60))
    assert find_states(agent, {"x": LINE}).kind == "given"
    chosen = States("given", LINE[:1], ("mine",))
    assert find_states(agent, chosen) is chosen


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"states": "critcal"}, r"Unknown states 'critcal'.*Did you mean 'critical'\? Or give observations"),
        ({"states": "critical"}, "there are no soft critics of this policy. Look at visited states"),
        ({"states": "visited", "n_states": 0}, "n_states must be a whole number ≥ 1"),
        ({"states": np.zeros((0, 2))}, "needs one state at least"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    agent = subject([moving()], None, 1, observations=LINE, episodes=np.zeros(60))
    with pytest.raises(ValueError, match=message):
        find_states(agent, **given)


def test_nothing_visited_is_told() -> None:
    with pytest.raises(ValueError, match="No states were visited"):
        visited_states(Visited(np.zeros((0, 2)), np.zeros(0)))
