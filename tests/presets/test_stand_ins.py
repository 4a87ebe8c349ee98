"""The entry that stands in for an environment without one of its own."""

import gymnasium as gym
import numpy as np
import pytest
import yaml
from gymnasium import spaces
from rl_zoo3.exp_manager import ExperimentManager

from sb3_entropy.cli.main import main
from sb3_entropy.presets.build import make_envs, make_model
from sb3_entropy.presets.library import gather_presets, preset_file
from sb3_entropy.presets.stand_ins import fitted, preset_for, stand_ins
from sb3_entropy.studies.comparison import suited

NUMBERS, PICTURE = spaces.Box(-1, 1, (2,)), spaces.Box(0, 255, (36, 36, 3), np.uint8)
OBSERVATIONS = {
    "numbers": NUMBERS,
    "state": spaces.Discrete(5),
    "states": spaces.MultiDiscrete([3, 4]),
    "mapping": spaces.Dict({"numbers": NUMBERS, "state": spaces.Discrete(5)}),
    "numbers by name": spaces.Dict({"numbers": NUMBERS}),
    "picture": PICTURE,
    "tuple": spaces.Tuple((NUMBERS, NUMBERS)),
}
ACTIONS = {"choice": spaces.Discrete(3), "choices": spaces.MultiDiscrete([2, 3]), "box": spaces.Box(-1, 1, (2,))}
#: by observations and actions: the entry, the policy, whether observations are normalised
CHOSEN = {
    ("numbers", "choice"): ("default", "MlpPolicy", True),
    ("numbers by name", "choice"): ("default", "MultiInputPolicy", True),
    ("state", "choice"): ("default", "MlpPolicy", False),
    ("states", "choices"): ("default", "MlpPolicy", False),
    ("mapping", "box"): ("default_box", "MultiInputPolicy", False),
    ("picture", "choice"): ("default_image", "CnnPolicy", False),
    ("picture", "box"): ("default_image", "CnnPolicy", False),
}


class OfAnyKind(gym.Env):
    """Episodes of eight steps."""

    def __init__(self, observations, actions):
        self.observation_space, self.action_space = OBSERVATIONS[observations], ACTIONS[actions]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        self.t += 1
        return self.observation_space.sample(), 1.0, self.t == 8, False, {}


@pytest.fixture(autouse=True)
def _registered():
    gym.register("OfAnyKind-v0", entry_point=OfAnyKind)
    yield
    del gym.registry["OfAnyKind-v0"]


@pytest.mark.parametrize("kinds", CHOSEN)
@pytest.mark.parametrize("algo", ["spg", "sa2c", "simpala", "sppo", "strpo", "divergence_reg_pg"])
def test_every_algorithm_has_a_preset_for_every_kind_of_environment(algo, kinds):
    chosen, policy, normalized = CHOSEN[kinds]
    env_kwargs = dict(zip(("observations", "actions"), kinds, strict=True))
    file = str(preset_file(algo))
    entry, preset = preset_for(gather_presets([file])[0], "OfAnyKind-v0", file, env_kwargs=env_kwargs)
    assert entry == ("default_image_box" if (algo, *kinds) == ("divergence_reg_pg", "picture", "box") else chosen)
    small = {**preset, "n_envs": 1, "n_steps": 8, **({"batch_size": 8} if algo in ("sppo", "strpo") else {})}
    del small["n_timesteps"]
    env = make_envs("OfAnyKind-v0", small, 0, env_kwargs)
    model = make_model(algo, env, small, 0)
    assert preset["policy"] == policy
    assert model.get_vec_normalize_env().norm_reward
    assert model.get_vec_normalize_env().norm_obs == normalized
    assert suited("OfAnyKind-v0", env_kwargs) == (policy, normalized)
    env.close()


def test_an_environment_without_an_entry_is_trained_on(tiny, capsys):
    small = ["-n", "32", "-params", "n_envs:2", "n_steps:16", "batch_size:16"]
    train = ["train", "--algo", "sppo", "--eval-freq", "-1", "--verbose", "0", "--device", "cpu", *small]
    assert main([*train, "--env", "FrozenLake-v1"]) == 0, capsys.readouterr().err
    assert "There is no entry for FrozenLake-v1: 'default' stands in" in capsys.readouterr().out
    # Stable-Baselines3 reads no tuples: the message says how they can be read, and that is so.
    assert main([*train, "--env", "Blackjack-v1"]) == 2
    wrapped = "env_wrapper:gymnasium.wrappers.FlattenObservation"
    assert "Tuple(Discrete(32), Discrete(11), Discrete(2)) is not supported. " in (error := capsys.readouterr().err)
    assert f"by -params for instance: {wrapped}" in error
    assert main([*train, wrapped, "--env", "Blackjack-v1"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("algo", ["spg", "sa2c", "simpala", "sppo", "strpo", "divergence_reg_pg"])
def test_stock_rl_zoo_reads_the_default(algo, tmp_path):
    stock = ExperimentManager(None, algo, "FrozenLake-v1", str(tmp_path), config=str(preset_file(algo)))
    read, _ = stock.read_hyperparameters()
    assert read == yaml.safe_load(preset_file(algo).read_text())["default"]
    assert (read["policy"], read["n_timesteps"], read["normalize"]) == ("MlpPolicy", 1e6, True)
    assert not any(isinstance(value, str) for key, value in read.items() if key not in ("policy", "divergence"))


def test_the_nearest_entry_that_there_is():
    assert stand_ins(PICTURE, ACTIONS["box"]) == ["default_image_box", "default_image", "default_box", "default"]
    assert stand_ins(NUMBERS, ACTIONS["choices"]) == ["default"]
    presets = {"default": {"policy": "MlpPolicy"}, "Pendulum-v1": {"gamma": 0.9}, "atari": {"gamma": 0.99}}
    assert preset_for(presets, "Acrobot-v1", "f") == ("default", {"policy": "MlpPolicy"})
    assert preset_for(presets, "gymnasium.envs.classic_control:Pendulum", "f") == ("Pendulum-v1", {"gamma": 0.9})
    del presets["default"]
    with pytest.raises(ValueError, match="named 'default'"):
        preset_for(presets, "Acrobot-v1", "f")
    for given, made in (
        ({"normalize": {"norm_reward": False}}, {"norm_reward": False, "norm_obs": False}),
        ({"normalize": False}, False),
    ):
        assert fitted(given, OBSERVATIONS["state"])["normalize"] == made
    assert fitted({"policy": "MlpPolicy"}, PICTURE)["policy"] == "MlpPolicy"  # a user's, which can be
    assert fitted({}, PICTURE)["policy"] == "CnnPolicy"
