"""Copies of environments are equal to them, in another process too; the originals go on as if there were none."""

import json
import pickle
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from copied_environments import Walk, copy_played, played
from gymnasium.wrappers import RecordVideo, TimeLimit, TransformReward
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecEnv,
    VecEnvWrapper,
    VecExtractDictObs,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
    VecTransposeImage,
    VecVideoRecorder,
)

import sb3_entropy
from sb3_entropy.engines import make_engine
from sb3_entropy.vec_env.copies import made, recipe
from sb3_entropy.vec_env.envpool import EnvPoolVecEnv
from sb3_entropy.vec_env.lean import can_step_leanly
from sb3_entropy.vec_env.native import make_native_vec_env

#: what a user's script defines
SCRIPT = """
import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnvWrapper

SIZE = 3

class Users(gym.Env):
    observation_space, action_space = gym.spaces.Box(-1, 1, (SIZE,)), gym.spaces.Discrete(2)

    def __init__(self, reward):
        self.reward = reward

    def reset(self, seed=None, options=None):
        super().reset(seed=seed)
        return self.np_random.uniform(-1, 1, SIZE).astype(np.float32), {}

    def step(self, action):
        return self.np_random.uniform(-1, 1, SIZE).astype(np.float32), self.reward(action), False, False, {}

class Doubled(VecEnvWrapper):
    def reset(self):
        return self.venv.reset()

    def step_wait(self):
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, 2 * rewards, dones, infos
"""


def of_a_script() -> VecEnv:
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(SCRIPT, names)
    offset = 0.5
    env: VecEnv = names["Doubled"](DummyVecEnv([lambda: names["Users"](lambda action: float(action) + offset)] * 2))
    return env


def of_atari() -> VecEnv:
    import ale_py

    gym.register_envs(ale_py)
    return VecTransposeImage(VecFrameStack(make_atari_env("BreakoutNoFrameskip-v4", 1), 2))


def of_envpool() -> VecEnv:
    pytest.importorskip("envpool", reason="envpool has wheels for Linux on x86-64 only")
    return VecMonitor(EnvPoolVecEnv("Pendulum-v1", 2, max_episode_steps=5))


def dictionaries() -> VecEnv:
    return DummyVecEnv([lambda: Walk(dictionary=True)] * 2)


def native(env_id: str, **kwargs: Any) -> VecEnv:
    sb3_entropy.register_envs()
    return make_native_vec_env(env_id, 2, **kwargs)


MADE: dict[str, Callable[[], VecEnv]] = {
    "classic control": lambda: make_vec_env("CartPole-v1", 2, seed=0),
    "MuJoCo": lambda: make_vec_env("Hopper-v5", 1),
    "a script's": of_a_script,
    "a plugin's": lambda: make_vec_env(sb3_entropy.environments.find_env("entropy/Gridworld-v0"), 2),
    "a plugin's batch": lambda: native("entropy/Gridworld-v0", slip=0.3),
    "a batch in MuJoCo": lambda: native("entropy/Quadrotor-v0"),
    "a batch of vehicles": lambda: native("entropy/TorqueAcrobot-v0"),
    "a batch of tasks": lambda: native("entropy/Obstacle2D-v0"),
    "a batch of bandits": lambda: native("entropy/TabularBandit-v0", x=np.eye(20), y=np.arange(20) % 3),
    "an array of a dictionary": lambda: VecExtractDictObs(VecMonitor(VecCheckNan(dictionaries())), "x"),
    "dictionaries, normalised": lambda: VecNormalize(dictionaries(), training=False, norm_obs_keys=["x"]),
}


#: and what takes too long to import for a process more
HERE = {**MADE, "envpool": of_envpool}
if find_spec("ale_py"):
    MADE["Atari"] = of_atari


def assert_equal(ours: list[Any], theirs: list[Any], name: str) -> None:
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_equal(a, b, name)


def test_copies_in_another_process_play_as_the_originals() -> None:
    originals = {name: make() for name, make in MADE.items()}
    recipes = [recipe(original) for original in originals.values()]
    with make_engine("process", workers=1) as engine:
        outcomes = sorted(engine.map_unordered(copy_played, recipes), key=lambda outcome: outcome.index)
    for (name, original), outcome in zip(originals.items(), outcomes, strict=True):
        assert outcome.error is None, f"{name}: {outcome.error}"
        theirs, ours = played(original), outcome.value[0]
        assert_equal(ours, theirs, name)
        assert pickle.dumps(theirs[0]) != pickle.dumps(theirs[-3])
    assert outcomes[0].value[1] == set()
    assert "entropy/Gridworld-v0" in gym.registry


@pytest.mark.parametrize("name", HERE)
def test_a_copy_of_what_is_in_use_plays_as_it_would(name: str) -> None:
    original = HERE[name]()
    original.reset()
    original.step(np.array([original.action_space.sample() for _ in range(original.num_envs)]))
    copy = made(recipe(original))
    assert_equal(played(copy, seed=8, steps=6), played(original, seed=8, steps=6), name)
    again = made(recipe(copy))
    assert (again.num_envs, again.observation_space) == (original.num_envs, original.observation_space)
    assert type(again.unwrapped) is type(original.unwrapped)


def test_copies_are_stepped_as_fast_and_know_their_id() -> None:
    original = make_vec_env("Hopper-v5", 1)
    copy: Any = made(recipe(original))
    assert can_step_leanly(copy)
    assert copy.envs[0].spec.id == copy.envs[0].unwrapped.spec.id == "Hopper-v5"
    assert copy.env_is_wrapped(TimeLimit) == copy.env_is_wrapped(Monitor) == [True]


@pytest.mark.filterwarnings("ignore:The environment is already wrapped with a `Monitor`")
def test_a_copy_writes_into_no_file_and_the_original_goes_on(tmp_path: Path) -> None:
    original = DummyVecEnv([lambda: Monitor(Walk(), str(tmp_path / "one"), allow_early_resets=False)])
    monitored = VecMonitor(original, str(tmp_path / "all"))
    writer, all_writer = original.envs[0].results_writer, monitored.results_writer  # type: ignore[attr-defined]
    monitored.reset()
    original.reset_infos[0] = original.buf_infos[0] = {"lock": threading.Lock()}
    for _ in range(4):
        copy: Any = made(recipe(monitored))
        assert copy.results_writer is copy.venv.envs[0].results_writer is None
        copy.reset()
        infos = [copy.step(np.zeros((1, 2)))[3][0] for _ in range(4)]
        assert (infos[-1]["episode"]["l"], len(copy.venv.envs[0].episode_returns)) == (4, 1)
        assert original.envs[0].results_writer is writer
        assert monitored.results_writer is all_writer
        monitored.step(np.zeros((1, 2)))
    for name in ("one", "all"):
        header, _, *rows = (tmp_path / f"{name}.monitor.csv").read_text().splitlines()
        assert json.loads(header[1:])["env_id"] == "None"
        assert [row.split(",")[1] for row in rows] == ["4"]
    monitored.close()


def test_what_records_videos_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moviepy", ModuleType("moviepy"))

    def recorded() -> gym.Env[Any, Any]:
        return RecordVideo(gym.make("CartPole-v1", render_mode="rgb_array"), str(tmp_path / "a"), lambda n: False)

    original = VecVideoRecorder(VecMonitor(DummyVecEnv([recorded])), str(tmp_path / "b"), lambda n: False)
    copy = made(recipe(VecCheckNan(original)))
    assert isinstance(copy, VecCheckNan)
    assert isinstance(copy.venv, VecMonitor)
    assert copy.env_is_wrapped(RecordVideo) == [False]
    assert copy.render_mode == "rgb_array"
    copy.reset()
    assert original.env_is_wrapped(RecordVideo) == [True]


class Locked(gym.Wrapper[Any, Any, Any, Any]):
    """Holds what cannot be pickled."""

    def __init__(self, env: gym.Env[Any, Any]):
        super().__init__(env)
        self.settings = {"lock": threading.Lock()}


class Careful(Locked):
    """Leaves it out."""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "settings"}


class Refuses(gym.Env[Any, Any]):
    """Says so itself."""

    observation_space, action_space = Walk().observation_space, Walk.action_space

    def __getstate__(self) -> Any:
        raise RuntimeError("there is but one of me")


class Own(VecEnvWrapper):
    """Knows by itself how it is pickled."""

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> Any:
        return self.venv.step_wait()

    def __reduce__(self) -> Any:
        return VecMonitor, (self.venv,)


class Stateful(Own):
    """With both methods of a state."""

    __reduce__ = object.__reduce__

    def __getstate__(self) -> Any:
        return {"venv": self.venv, "kept": 7}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__init__(state["venv"])
        self.kept = state["kept"]


class Special(VecNormalize):
    """Perhaps with statistics of its own."""


def inside(wrapper: Callable[[Any], Any]) -> Any:
    """Deep inside of a chain."""
    env = DummyVecEnv([Walk, lambda: TransformReward(wrapper(TimeLimit(Walk(), 3)), lambda r: r)])  # type: ignore[list-item]
    return VecFrameStack(VecNormalize(VecMonitor(env)), 2)


def test_what_an_environment_or_a_wrapper_says_of_itself_is_heeded() -> None:
    copy: Any = made(recipe(inside(Careful)))
    assert not hasattr(copy.unwrapped.envs[1].env, "settings")
    assert isinstance(made(recipe(Own(inside(Careful)))), VecMonitor)
    stateful: Any = made(recipe(Stateful(inside(Careful))))
    assert (type(stateful), stateful.kept, stateful.num_envs) == (Stateful, 7, 2)


def test_what_cannot_be_copied_is_named_with_what_to_do() -> None:
    with pytest.raises(
        TypeError,
        match=r"^The environment Walk cannot be copied for another process: 'settings' of Locked, which is a dict, "
        r"cannot be pickled \(TypeError: cannot pickle '_thread.lock' object\)\. Give a DummyVecEnv \(make_vec_env\("
        r"\.\.\., vec_env_cls=DummyVecEnv\)\), or the environment's id\. What is copied may not hold an open",
    ):
        recipe(inside(Locked))
    cart_pole: Any = make_vec_env("CartPole-v1", 1)
    cart_pole.envs[0].unwrapped.screen = threading.Lock()
    with pytest.raises(
        TypeError,
        match=r"'CartPole-v1' \(CartPoleEnv\) cannot be copied .*: 'screen' of CartPoleEnv, which is a lock, cannot",
    ):
        recipe(cart_pole)
    with pytest.raises(TypeError, match=r"Refuses cannot be pickled \(RuntimeError: there is but one of me\)"):
        recipe(DummyVecEnv([Refuses]))
    with pytest.raises(TypeError, match=r"Copies are made of a VecEnv, but <.*Walk.*> was given\. Give a DummyVecEnv"):
        recipe(Walk())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Special cannot be copied.*Give a VecNormalize, and a VecEnvWrapper"):
        recipe(Special(DummyVecEnv([Walk])))


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is forked there")
def test_environments_in_processes_of_their_own_are_refused() -> None:
    env = VecMonitor(SubprocVecEnv([Walk], start_method="fork"))
    with pytest.raises(TypeError, match=r"A SubprocVecEnv cannot be copied.*Give a DummyVecEnv \(make_vec_env\("):
        recipe(env)
    env.close()


def test_what_cannot_be_made_says_so() -> None:
    without_a_module = recipe(DummyVecEnv([Walk])).replace(b"copied_environments", b"copied_envirmnments")
    with pytest.raises(RuntimeError, match=r"cannot be made here \(ModuleNotFoundError: .*must be installed"):
        made(without_a_module)
    with pytest.raises(RuntimeError, match="cannot be made here"):
        made(pickle.dumps(1)[:2])
