"""Environments of the old gym, which every algorithm takes as its stock parent does. gym itself is stood in for."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from shimmy import openai_gym_compatibility
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import patch_gym

from contracts.envs import make_env
from contracts.models import KEYS, assert_equal_parameters, build, parameters
from sb3_entropy.offline import collect_log
from sb3_entropy.registry import ALGORITHMS


class OldSpace:
    """A space of gym, with the attributes of one of Gymnasium."""

    def __init__(self, space: Any) -> None:
        self.__dict__.update({name: getattr(space, name) for name in ("low", "high", "n") if hasattr(space, name)})
        self.shape, self.dtype = space.shape, space.dtype


class OldBox(OldSpace):
    pass


class OldDiscrete(OldSpace):
    pass


def old_space(space: Any) -> OldSpace:
    return OldDiscrete(space) if hasattr(space, "n") else OldBox(space)


class OldEnv:
    """gym.Env of version 0.26: seeds in ``reset``, and five values from ``step``."""

    render_mode = None

    def __init__(self, **kwargs: Any) -> None:
        self.inner = make_env(**kwargs)
        self.observation_space, self.action_space = map(
            old_space, (self.inner.observation_space, self.inner.action_space)
        )

    @property
    def unwrapped(self) -> "OldEnv":
        return self

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return self.inner.reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        return self.inner.step(action)

    def close(self) -> None:
        self.inner.close()


class OlderEnv(OldEnv):
    """gym.Env of version 0.21: a method ``seed``, and four values from ``step``."""

    seeded: int | None = None

    def seed(self, seed: int | None = None) -> None:
        self.seeded = seed

    def reset(self) -> Any:  # type: ignore[override]
        seed, self.seeded = self.seeded, None
        return self.inner.reset(seed=seed)[0]

    def step(self, action: Any) -> Any:
        observation, reward, terminated, truncated, info = self.inner.step(action)
        return observation, reward, terminated or truncated, {**info, "TimeLimit.truncated": truncated}


@pytest.fixture(autouse=True)
def gym(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = SimpleNamespace(
        Env=OldEnv, Space=OldSpace, spaces=SimpleNamespace(Box=OldBox, Discrete=OldDiscrete), wrappers=SimpleNamespace()
    )
    for module in (patch_gym, openai_gym_compatibility):
        monkeypatch.setattr(module, "gym", stand_in, raising=False)
    monkeypatch.setattr(patch_gym, "gym_installed", True)
    monkeypatch.setattr(openai_gym_compatibility, "GYM_IMPORT_ERROR", None)


pytestmark = pytest.mark.filterwarnings("ignore:You provided an OpenAI Gym environment")


@pytest.mark.parametrize("old", [OldEnv, OlderEnv])
@pytest.mark.parametrize("key", KEYS)
def test_training_in_an_old_environment_is_training_in_the_new(key: str, old: type[OldEnv]) -> None:
    model = build(key, old(truncates=True)).learn(32)
    assert_equal_parameters(model, parameters(build(key, make_env(truncates=True)).learn(32)))
    model.set_env(old())
    assert model.predict(model.get_env().reset())[0].shape == (1, 2)


def test_one_warning_as_of_the_parent() -> None:
    for algorithm in (PPO, ALGORITHMS.get("sppo")):
        with pytest.warns(UserWarning, match="You provided an OpenAI Gym environment") as caught:
            build(algorithm, OldEnv())
        assert len([warning for warning in caught if "OpenAI Gym" in str(warning.message)]) == 1


def test_logs_are_played_in_them_too() -> None:
    played, expected = (
        collect_log("uniform", env, 20, seed=0)
        for env in (OldEnv(actions="discrete", length=1), make_env(actions="discrete", length=1))
    )
    np.testing.assert_array_equal(played.contexts, expected.contexts)
    np.testing.assert_array_equal(played.rewards, expected.rewards)
    env = OldEnv(actions="discrete", length=1)
    model = build("sppo", env)
    with pytest.raises(ValueError, match="env is the one that the model learns in"):
        collect_log(model, env, 20, seed=0)


@pytest.mark.parametrize("key", KEYS)
def test_what_is_no_environment_is_refused_as_ever(key: str) -> None:
    with pytest.raises(TypeError, match=r"env must be a Gymnasium environment, a VecEnv or .* id, but .* was given"):
        build(key, SimpleNamespace(step=None))
