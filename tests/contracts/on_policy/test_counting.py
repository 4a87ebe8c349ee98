"""Spaces that do not count from 0 are the same spaces under other numbers: training is the same, bit for bit."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.policies import ActorCriticPolicy

from contracts.envs import RandomEnv
from contracts.models import ON_POLICY, assert_same_state, build, observations_of
from sb3_entropy.callbacks import ActionDiversityCallback, action_use
from sb3_entropy.distributions.laws import Finite, law_of

SPACES: dict[str, tuple[spaces.Space[Any], spaces.Space[Any]]] = {
    "discrete": (spaces.Discrete(3), spaces.Discrete(3, start=5)),
    "negative": (spaces.Discrete(4), spaces.Discrete(4, start=-2)),
    "multi": (spaces.MultiDiscrete([3, 2]), spaces.MultiDiscrete([3, 2], start=[4, -1])),
    "uint8": (spaces.MultiDiscrete([20]), spaces.MultiDiscrete([20], start=[230], dtype=np.uint8)),
}
OBSERVED = spaces.Dict({"room": SPACES["negative"][1], "doors": SPACES["multi"][1], "x": spaces.Box(-1, 1, (2,))})
RULES = [
    {"divergence": "kl", "reference": "previous", "mode": "repel", "cap": 2.0, "coef": 0.3},
    {"divergence": "jensen_shannon", "coef": 0.2},
]


def counted(space: spaces.Space[Any], stock: spaces.Space[Any]) -> gym.Env[Any, Any]:
    """:return: a RandomEnv on ``stock``, whose actions have the numbers of ``space`` and are asserted to be there"""
    env: gym.Env[Any, Any] = RandomEnv(actions=stock)
    if space == stock:
        return env

    def renumbered(action: Any) -> Any:
        assert space.contains(np.asarray(action, space.dtype))
        return np.asarray(action, np.int64) - np.asarray(space.start, np.int64)  # type: ignore[attr-defined]

    return gym.wrappers.TransformAction(env, renumbered, space)


@pytest.mark.parametrize(
    ("key", "kind"), [*((key, "multi") for key in ON_POLICY), *(("sppo", kind) for kind in SPACES if kind != "multi")]
)
def test_actions(key: str, kind: str, tmp_path: Path) -> None:
    stock, space = SPACES[kind]
    models = []
    for each in (stock, space):
        env = counted(each, stock)
        models.append(build(key, env, n_steps=8, regularizers=RULES, ent_coef=0.05).learn(16))
    assert_same_state(*models)
    model, start = models[1], np.asarray(space.start)  # type: ignore[attr-defined]
    assert model.action_space == space
    observations = observations_of(model, 9)
    actions = model.predict(observations, deterministic=True)[0]
    assert np.array_equal(actions, models[0].predict(observations, deterministic=True)[0] + start)
    assert all(space.contains(a.astype(space.dtype)) for a in [*actions, *model.predict(observations)[0]])
    tensors = model.policy.obs_to_tensor(observations)[0]
    assert th.equal(
        model.policy.evaluate_actions(tensors, th.as_tensor(actions))[1],
        models[0].policy.evaluate_actions(tensors, th.as_tensor(actions - start))[1],
    )
    evaluate_policy(model, counted(space, stock), n_eval_episodes=1, deterministic=False)
    model.save(tmp_path / "model")
    for env in (None, counted(space, stock)):
        again = type(model).load(tmp_path / "model", env=env, device="cpu")
        assert np.array_equal(again.predict(observations, deterministic=True)[0], actions)
    again.learn(8, reset_num_timesteps=False)


@pytest.mark.parametrize(
    "space",
    [
        spaces.Discrete(7, start=-(2**40)),
        spaces.Discrete(2, start=2**24),
        spaces.MultiDiscrete([3, 2], start=[0, 2**31]),
    ],
)
def test_numbers_that_the_buffer_would_round_are_refused(space: spaces.Space[Any]) -> None:
    """The environment's seven actions would be one in the update."""
    with pytest.raises(ValueError, match=r"float32.*up to ±2²⁴ alone, and these are .*Let the actions count from 0"):
        build("sppo", RandomEnv(actions=space))


def test_the_largest_numbers_are_learned_from() -> None:
    stock = spaces.Discrete(4)
    space = spaces.Discrete(4, start=2**24 - 3)
    assert_same_state(*(build("sppo", counted(each, stock)).learn(32) for each in (stock, space)))


SMALL = spaces.MultiDiscrete([200, 100], dtype=np.uint8)


@pytest.mark.parametrize(
    "space", [SMALL, spaces.Dict({"x": SMALL, "y": spaces.MultiDiscrete([200, 100], np.uint8, start=[5, 0])})]
)
def test_choices_of_a_small_dtype(space: spaces.Space[Any], tmp_path: Path) -> None:
    """200 + 100 is 44 in uint8."""
    policy = "MultiInputPolicy" if isinstance(space, spaces.Dict) else "MlpPolicy"
    wide = spaces.MultiDiscrete([200, 100])
    env = gym.wrappers.TransformAction(RandomEnv(space, wide), lambda action: action, SMALL)
    models = [build("sppo", each, policy=policy, ent_coef=0.1).learn(16) for each in (env, RandomEnv(space, wide))]
    assert models[0].action_space.dtype == np.uint8
    assert models[0].policy.features_dim == (600 if isinstance(space, spaces.Dict) else 300)
    assert_same_state(*models)
    models[0].save(tmp_path / "model")
    assert type(models[0]).load(tmp_path / "model", env=env).observation_space == space


def observed(space: spaces.Space[Any], shift: bool) -> gym.Env[Any, Any]:
    """:return: a RandomEnv whose observations count from 0, or are those with the numbers of ``space``"""
    env = RandomEnv(from_zero_on(space), SPACES["discrete"][0])

    def renumbered(observation: Any) -> Any:
        if isinstance(space, spaces.Dict):
            return {key: value + getattr(space[key], "start", 0) for key, value in observation.items()}
        return observation + space.start  # type: ignore[attr-defined]

    return gym.wrappers.TransformObservation(env, renumbered, space) if shift else env


def from_zero_on(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """:return: the same space, counted from 0"""
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: from_zero_on(part) for key, part in space.items()})
    if isinstance(space, spaces.Discrete):
        return spaces.Discrete(space.n)
    return spaces.MultiDiscrete(space.nvec) if isinstance(space, spaces.MultiDiscrete) else space


@pytest.mark.parametrize("space", [SPACES["discrete"][1], SPACES["multi"][1], OBSERVED], ids=["one", "multi", "dict"])
def test_observations(space: spaces.Space[Any]) -> None:
    """Stable-Baselines3 fails at the first number that is n or more."""
    policy = "MultiInputPolicy" if isinstance(space, spaces.Dict) else "MlpPolicy"
    models = []
    for shift in (True, False):
        models.append(build("sppo", observed(space, shift), policy=policy, regularizers=RULES).learn(32))
    assert_same_state(*models)
    assert models[0].observation_space == space


def test_what_is_said_of_actions_is_said_of_their_places() -> None:
    stock, space = SPACES["discrete"]
    model = build("sppo", counted(space, stock))
    observations = observations_of(model, 50)
    use = action_use(model, observations, np.random.default_rng(0))
    assert use.counts.shape == (3,)
    law = law_of(model.policy.get_distribution(model.policy.obs_to_tensor(observations)[0]), space)
    assert isinstance(law, Finite)
    assert law.sample(20).max() <= 2
    model.learn(16, callback=ActionDiversityCallback(observations=observations))


class Users(ActorCriticPolicy):
    """Somebody's own."""


@pytest.mark.parametrize("key", ON_POLICY)
def test_policies_that_count_from_zero_are_refused(key: str, tmp_path: Path) -> None:
    env = counted(SPACES["discrete"][1], SPACES["discrete"][0])
    with pytest.raises(ValueError, match=r"Users takes the action space Discrete\(3, start=5\) for one that"):
        build(key, env, policy=Users)
    with pytest.raises(ValueError, match=r"takes the observation space Discrete\(3, start=5\).*derive yours from"):
        build(key, observed(SPACES["discrete"][1], shift=True), policy=Users)
    if key == "sppo":
        PPO("MlpPolicy", env, device="cpu").save(tmp_path / "ppo")
        with pytest.raises(ValueError, match=r"ActorCriticPolicy takes the action space .*Choose one of MlpPolicy"):
            build(key).load(tmp_path / "ppo")


@pytest.mark.parametrize("key", ON_POLICY)
def test_a_table_of_choices_is_refused(key: str) -> None:
    table = spaces.MultiDiscrete(np.array([[2, 3], [4, 5]]))
    with pytest.raises(ValueError, match=r"action space MultiDiscrete(?s:.*) must have one dimension. Flatten"):
        build(key, RandomEnv(actions=table))
    with pytest.raises(ValueError, match=r"observation space MultiDiscrete(?s:.*) is not supported.*of one dimension"):
        build(key, RandomEnv(table, SPACES["discrete"][0]))
