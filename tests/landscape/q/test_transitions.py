"""Transitions of replay buffers: every kind that Stable-Baselines3 has."""

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer

from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.landscape.q.transitions import Transitions, check_buffer, of_buffer, thinned, together

BOX, ACTIONS = spaces.Box(-np.inf, np.inf, (1,)), spaces.Box(-2, 2, (1,))
PLAIN = Normalizer.none()
#: an episode's length, and how it ends
ENDS = [(3, "terminated"), (2, "timeout"), (4, "terminated"), (3, "timeout")]


def filled(
    cls: Any = ReplayBuffer, size: int = 1000, n_envs: int = 1, rounds: int = 1, space: Any = BOX, **options: Any
) -> Any:
    """The k-th step of environment e sees 100 e + k, and pays a tenth of it."""
    buffer = cls(size, space, ACTIONS, device="cpu", n_envs=n_envs, **options)
    k = 0
    for _ in range(rounds):
        for length, end in ENDS:
            for t in range(length):
                now = np.array([[100.0 * e + k] for e in range(n_envs)], np.float32)
                done = np.full(n_envs, t == length - 1)
                infos = [{"TimeLimit.truncated": bool(done[0]) and end == "timeout"}] * n_envs
                see = (lambda x: {"x": x, "y": -x}) if isinstance(space, spaces.Dict) else (lambda x: x)
                buffer.add(see(now), see(now + 1), now / 1000, now[:, 0] / 10, done, infos)
                k += 1
    return buffer


def test_in_order_with_timeouts_told_from_ends() -> None:
    found = of_buffer(filled(), PLAIN)
    assert len(found) == 12
    assert found.observations[:, 0].tolist() == list(range(12))
    assert found.next_observations[:, 0].tolist() == list(range(1, 13))
    assert np.allclose(found.rewards, np.arange(12) / 10)
    assert np.allclose(found.actions[:, 0], np.arange(12) / 1000)
    assert np.flatnonzero(found.terminated).tolist() == [2, 8]
    assert found.episodes.tolist() == [0] * 3 + [1] * 2 + [2] * 4 + [3] * 3
    assert found.starts().tolist() == [0, 3, 5, 9, 12]


def test_wrapped_around_the_oldest_is_first_and_an_episode_that_is_cut_in_two_stays_one() -> None:
    found = of_buffer(filled(size=10, rounds=2), PLAIN)
    assert found.observations[:, 0].tolist() == list(range(14, 24))
    # 12 to 14, of which two are gone; 15, 16; 17 to 20; 21 to 23
    assert found.starts().tolist() == [0, 1, 3, 7, 10]
    assert np.flatnonzero(found.terminated).tolist() == [0, 6]


def test_environments_follow_one_another() -> None:
    found = of_buffer(filled(n_envs=3, size=3000), PLAIN)
    assert found.observations[:, 0].tolist() == [100 * e + k for e in range(3) for k in range(12)]
    assert found.starts().tolist() == [0, 3, 5, 9, 12, 15, 17, 21, 24, 27, 29, 33, 36]
    assert np.flatnonzero(found.terminated).tolist() == [2, 8, 14, 20, 26, 32]


def test_with_memory_optimised_each_end_is_terminal_and_the_step_that_is_written_over_is_left_out() -> None:
    options: dict[str, Any] = {"optimize_memory_usage": True, "handle_timeout_termination": False}
    found = of_buffer(filled(size=10, rounds=2, **options), PLAIN)
    assert found.observations[:, 0].tolist() == list(range(15, 24))
    assert np.flatnonzero(found.terminated).tolist() == [1, 5, 8]
    going_on = ~found.terminated
    assert np.allclose((found.next_observations - found.observations)[going_on], 1)
    assert len(of_buffer(filled(size=20, **options), PLAIN)) == 12


def test_a_buffer_that_samples_several_steps_stores_single_ones() -> None:
    found = of_buffer(filled(NStepReplayBuffer, n_steps=3, gamma=0.9), PLAIN)
    assert np.allclose(found.rewards, np.arange(12) / 10)
    assert found.next_observations[:, 0].tolist() == list(range(1, 13))


def test_dicts_and_statistics() -> None:
    space = spaces.Dict({"x": BOX, "y": BOX})
    normalizer = Normalizer({"x": np.array([2.0])}, {"x": np.array([4.0])}, 1.5)
    found = of_buffer(filled(DictReplayBuffer, space=space), normalizer)
    assert np.allclose(found.observations["x"][:, 0], np.clip((np.arange(12) - 2) / 4, -1.5, 1.5))
    assert np.allclose(found.next_observations["y"][:, 0], -np.arange(1, 13))


@pytest.mark.parametrize("is_dict", [False, True])
def test_choices_are_one_number_a_step_as_environments_give_them(is_dict: bool) -> None:
    """Buffers make a row of one number of them; together with what is played they would not fit."""
    choice = spaces.Discrete(30)
    space: Any = spaces.Dict({"x": choice, "y": BOX}) if is_dict else choice
    buffer = (DictReplayBuffer if is_dict else ReplayBuffer)(50, space, ACTIONS, device="cpu", n_envs=2)
    for k in range(9):
        seen = np.array([k, k + 10])
        given: Any = {"x": seen, "y": np.zeros((2, 1))} if is_dict else seen
        buffer.add(given, given, np.zeros((2, 1)), np.zeros(2), np.zeros(2), [{}, {}])
    found = of_buffer(buffer, PLAIN)
    for array in (found.observations, found.next_observations):
        assert (array["x"] if is_dict else array).tolist() == [*range(9), *range(10, 19)]


def test_discounted_sums_stop_at_an_episodes_end() -> None:
    found = of_buffer(filled(), PLAIN)
    for t, own in enumerate(found.discounted(found.rewards, 0.9)):
        same = np.flatnonzero((found.episodes == found.episodes[t]) & (np.arange(12) >= t))
        assert own == pytest.approx(sum(0.9 ** (k - t) * found.rewards[k] for k in same))


def test_several_sources_number_their_episodes_on() -> None:
    one, other = of_buffer(filled(), PLAIN), of_buffer(filled(n_envs=2), PLAIN).rows(slice(5, None))
    both = together([one, other])
    assert len(both) == 12 + 19
    assert both.episodes[:12].tolist() == one.episodes.tolist()
    assert both.episodes[12] == 4
    assert len(np.unique(both.episodes)) == 4 + 6


def test_fewer_are_whole_episodes_from_all_over() -> None:
    n = 10_000
    column = np.arange(n)[:, None]
    many = Transitions(column, np.zeros((n, 1)), np.zeros(n), column, np.zeros(n, bool), np.arange(n) // 20)
    few = thinned(many, 1000)
    assert len(few) == 1000
    assert (np.diff(few.starts()) == 20).all()
    assert np.histogram(few.observations, bins=5, range=(0, n))[0].min() >= 160
    assert thinned(many, n) is many
    assert len(thinned(many.rows(slice(0, 20)), 7)) == 7


def test_what_is_no_buffer_of_the_agents_environment_is_refused() -> None:
    with pytest.raises(TypeError, match="replay_buffer must be a ReplayBuffer of Stable-Baselines3's, but 'x' was"):
        check_buffer("x", BOX, ACTIONS)
    full = filled(rounds=6)
    with pytest.raises(ValueError, match=r"another environment: its observations are Box\(-inf"):
        check_buffer(full, spaces.Box(-1, 1, (4,)), ACTIONS)
    with pytest.raises(ValueError, match="another environment: its actions are"):
        check_buffer(full, BOX, spaces.Box(-1, 1, (1,)))
    with pytest.raises(ValueError, match="holds 12 transitions, too few to fit critics on: at least 64"):
        check_buffer(filled(), BOX, ACTIONS)
    check_buffer(full, BOX, ACTIONS)
