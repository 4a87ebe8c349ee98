"""Environments that are not CartPole: images, dictionaries, lives, global generators, episodes without an end."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.atari_wrappers import EpisodicLifeEnv

from sb3_entropy.policies import episodes as evaluation
from sb3_entropy.store import same_but_clock
from sb3_entropy.studies.comparison import comparison_study, suited
from sb3_entropy.studies.jobs import Surroundings
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.worker import run_alone
from studies.specs import study


class Steps(gym.Env):
    """Pays 1 a step and ends after ten."""

    action_space = spaces.Discrete(2)
    length = 10

    def __init__(self, space=spaces.Box(-1, 1, (2,)), drawing=False):  # noqa: B008
        self.observation_space = space
        self.start = np.random.rand() if drawing else 0.0  # what a careless author does

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n = 0
        return self._seen(), {}

    def _seen(self):
        self.observation_space.seed(self.n)
        return self.observation_space.sample()

    def step(self, action):
        self.n += 1
        return self._seen(), 1.0 + self.start, self.n == self.length, False, {}


class TwoLives(Steps):
    """A game of two lives, of five steps each."""

    class _Ale:
        def __init__(self, env):
            self.env = env

        def lives(self):
            return 2 - self.env.n // 5

    @property
    def ale(self):
        return self._Ale(self)

    def get_action_meanings(self):
        return ["NOOP", "FIRE"]


class Endless(Steps):
    """Never ends."""

    length = -1


class SaysNoEpisode(Steps):
    """Says at every step that no episode has ended."""

    def step(self, action):
        *rest, _ = super().step(action)
        return *rest, {"episode": None}


SPACES = {
    "image": spaces.Box(0, 255, (36, 36, 3), np.uint8),
    "dict": spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Box(0, 1, (3,))}),
    "dict with image": spaces.Dict({"a": spaces.Box(-1, 1, (2,)), "b": spaces.Box(0, 255, (36, 36, 1), np.uint8)}),
    "discrete": spaces.Discrete(3),
}


@pytest.fixture
def registered():
    made = {f"{name.replace(' ', '')}-v0": space for name, space in SPACES.items()}
    for env_id, space in made.items():
        gym.register(env_id, entry_point=Steps, kwargs={"space": space})
    others = {"TwoLives-v0": TwoLives, "Endless-v0": Endless, "Plain-v0": Steps, "SaysNo-v0": SaysNoEpisode}
    for env_id, cls in others.items():
        gym.register(env_id, entry_point=cls)
    gym.register("Drawing-v0", entry_point=Steps, kwargs={"drawing": True})
    yield
    for env_id in (*made, *others, "Drawing-v0"):
        del gym.registry[env_id]


def trained(env_id, **changes):
    hyperparams = {"n_steps": 16, "batch_size": 16, "n_epochs": 1, **changes.pop("hyperparams", {})}
    settings = {"timesteps": 32, "evaluation": {"points": 2, "episodes": 2}, **changes}
    run = Plan(study(environments=[env_id], hyperparams=hyperparams, **settings)).runs[0]
    return run_alone(run.definition, Surroundings(measures=["final_return"]))


@pytest.mark.parametrize("name", SPACES)
def test_compare_suits_itself_to_the_observations(registered, name):
    env_id = f"{name.replace(' ', '')}-v0"
    policy, norm_obs = suited(env_id)
    compared = comparison_study(env_id, alphas=[0.01], timesteps=32, seeds=1, policy=policy, norm_obs=norm_obs)
    run = next(run for run in Plan(compared).runs if run.variant.arm.name == "in both")
    settings = {**run.definition["hyperparams"], "n_steps": 16, "batch_size": 16, "n_epochs": 1}
    evaluation = {**run.definition["evaluation"], "episodes": 1}
    record = run_alone({**run.definition, "hyperparams": settings, "evaluation": evaluation})
    assert record.curves["deterministic/return"] == (10.0,) * 20


def test_images_under_normalised_rewards_are_evaluated(registered):
    normalised = {"policy": "CnnPolicy", "normalize": {"norm_obs": False}}
    assert trained("image-v0", hyperparams=normalised).curves["deterministic/return"] == (10.0, 10.0)


def test_an_evaluation_begins_a_new_game_whatever_a_wrapper_keeps(registered):
    """Monitor counts whole games: after a life is lost the wrapper's reset goes on with the same one."""
    wrapper = f"{EpisodicLifeEnv.__module__}.EpisodicLifeEnv"
    record = trained("TwoLives-v0", hyperparams={"env_wrapper": wrapper}, timesteps=64)
    assert record.curves["deterministic/return"] == (10.0, 10.0)
    assert record.curves["stochastic/return"] == (10.0, 10.0)


def test_an_info_that_says_no_episode_ends_none(registered):
    assert trained("SaysNo-v0").curves["deterministic/return"] == (10.0, 10.0)


def test_an_environment_that_draws_from_the_global_generator_is_made_alike(registered):
    np.random.seed(5)
    first = trained("Drawing-v0")
    np.random.rand(3)
    again = trained("Drawing-v0")
    assert first.curves["train/return"][-1] > 10
    assert same_but_clock(first, again)


def test_an_episode_without_an_end_is_an_error_and_no_hanging(registered, monkeypatch):
    monkeypatch.setattr(evaluation, "LONGEST", 50)
    with pytest.raises(RuntimeError, match=r"has not ended after 50 steps\. Register the environment with"):
        trained("Endless-v0")


def test_of_long_episodes_every_other_state_is_held(registered, monkeypatch):
    plain = trained("Plain-v0")
    monkeypatch.setattr(evaluation, "MOST_KEPT", 8)
    thinned = trained("Plain-v0")
    assert thinned.curves["deterministic/return"] == plain.curves["deterministic/return"]
    assert thinned.curves["policy/entropy"] != plain.curves["policy/entropy"]
    assert np.allclose(thinned.curves["policy/entropy"], plain.curves["policy/entropy"], atol=0.05)
