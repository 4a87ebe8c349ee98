"""Episodes that are played for critics: which actions are uniform, whose numbers are drawn, which environments fit."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.wrappers import TimeLimit

from sb3_entropy.landscape.candidates.normalizing import Normalizer
from sb3_entropy.landscape.q.critics import Behaviour
from sb3_entropy.landscape.q.gathering import Stage, mixed, never, once_at

LENGTH = 5
SEEN, ACTIONS = spaces.Box(-np.inf, np.inf, (2,)), spaces.Box(np.array([0.0], np.float32), np.array([10.0], np.float32))


class Counting(gym.Env[Any, Any]):
    """Sees a number that is drawn and the step's; pays the action; draws from NumPy's global generator too."""

    observation_space, action_space = SEEN, ACTIONS
    pays = 1.0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.t, self.number = 0, self.np_random.normal() + np.random.normal()
        return np.array([self.number, 0.0], np.float32), {}

    def step(self, action: Any) -> Any:
        assert self.action_space.contains(action)
        self.t += 1
        ended = self.t == LENGTH and self.number > 0
        return np.array([self.number, self.t], np.float32), self.pays * float(action[0]), ended, self.t == LENGTH, {}


class Zero(Behaviour):
    def sample(self, observations: Any, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        self.seen = observations
        return np.zeros((len(observations), 1)), np.zeros(len(observations))

    def mode(self, observations: Any) -> np.ndarray:
        raise NotImplementedError

    def log_prob(self, observations: Any, actions: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def stage(env: Any = Counting, normalizer: Normalizer | None = None) -> Stage:
    return Stage(env, Zero(1), SEEN, ACTIONS, Normalizer.none() if normalizer is None else normalizer)


def test_whole_episodes_in_order_with_ends_told_from_cuts() -> None:
    played = stage().play(0, episodes=40)
    found = played.transitions
    assert len(found) == 40 * LENGTH
    assert found.episodes.tolist() == np.repeat(np.arange(40), LENGTH).tolist()
    assert played.steps.tolist() == np.tile(np.arange(LENGTH), 40).tolist()
    assert np.array_equal(found.observations[:, 1], played.steps)
    assert np.array_equal(found.next_observations[:, 1], played.steps + 1)
    assert not played.uniform.any()
    assert (found.rewards == 5).all()  # the middle of the box
    lasts = played.steps == LENGTH - 1
    assert not found.terminated[~lasts].any()
    assert np.array_equal(found.terminated[lasts], found.observations[lasts, 0] > 0)


def test_a_seed_is_everything_and_global_generators_are_given_back() -> None:
    np.random.seed(7)
    state = np.random.get_state()[1]
    one, same, other = (stage().play(seed, episodes=3).transitions.observations for seed in (1, 1, 2))
    assert np.array_equal(np.random.get_state()[1], state)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    twice = stage()
    assert np.array_equal(twice.play(1, episodes=3).transitions.observations, one)
    assert np.array_equal(twice.play(1, episodes=3).transitions.observations, one)


def test_a_share_of_the_actions_and_the_first_of_every_other_episode_are_uniform() -> None:
    played = stage().play(0, mix=mixed(0.25), steps=8000)
    assert len(played.steps) == 8000
    first, even = played.steps == 0, played.transitions.episodes % 2 == 0
    assert played.uniform[first & even].all()
    rest = played.uniform[~(first & even)]
    assert abs(rest.mean() - 0.25) < 4 * np.sqrt(0.25 * 0.75 / len(rest))
    drawn = played.transitions.actions[played.uniform, 0]
    assert abs(drawn).max() <= 1
    assert abs(drawn.mean()) < 4 / np.sqrt(3 * len(drawn))
    assert (played.transitions.actions[~played.uniform] == 0).all()
    assert np.allclose(played.transitions.rewards, 5 * (played.transitions.actions[:, 0] + 1), atol=1e-5)
    assert not mixed(0.0)(np.arange(4), np.zeros(4), np.random.default_rng(0)).any()
    assert not never(np.arange(4), np.zeros(4), np.random.default_rng(0)).any()


def test_one_moment_of_each_episode() -> None:
    moments = np.array([0, 4, 2])
    played = stage().play(0, mix=once_at(moments), episodes=3)
    assert np.flatnonzero(played.uniform).tolist() == [0, 5 + 4, 10 + 2]


def test_every_kth_episode_goes_on_beyond_a_time_limit() -> None:
    short = stage(lambda: TimeLimit(Counting(), 3))
    assert short.limit == 3
    found = short.play(0, episodes=8, beyond=1, every=4).transitions
    assert np.diff(found.starts()).tolist() == [3, 3, 3, 4, 3, 3, 3, 4]
    assert np.diff(short.play(0, episodes=3, beyond=1).transitions.starts()).tolist() == [4] * 3
    assert np.diff(short.play(0, episodes=3).transitions.starts()).tolist() == [3] * 3
    assert stage().limit is None


def test_the_policy_sees_normalised_observations() -> None:
    one = stage(normalizer=Normalizer({None: np.array([0.0, 2.0])}, {None: np.array([1.0, 0.5])}, 3.0))
    found = one.play(0, episodes=2).transitions
    assert np.allclose(found.observations[:LENGTH, 1], [-3, -2, 0, 2, 3])
    assert np.allclose(one.behaviour.seen[0, 1], 3)  # type: ignore[attr-defined]


def test_what_does_not_fit_is_said_before_anything_is_played() -> None:
    with pytest.raises(TypeError, match="env must be an id or a function that makes an environment, but 3 was given"):
        stage(3)
    with pytest.raises(ValueError, match="Unknown environment 'Pendulun-v1'"):
        stage("Pendulun-v1")
    with pytest.raises(ValueError, match=r"env_kwargs are settings of .* but \{'g': 1\} was given beside .*Counting"):
        Stage(Counting, Zero(1), SEEN, ACTIONS, Normalizer.none(), env_kwargs={"g": 1})
    with pytest.raises(ValueError, match=r"not the agent's: its observations are Box\(.*\(3,\).* and the agent's Box"):
        stage("Pendulum-v1")

    class Wider(Counting):
        action_space = spaces.Box(np.array([0.0], np.float32), np.array([11.0], np.float32))

    with pytest.raises(ValueError, match="not the agent's: its actions are"):
        stage(Wider)

    class Broken(Counting):
        pays = np.nan

    with pytest.raises(ValueError, match="gave the reward nan"):
        stage(Broken).play(0, episodes=1)
