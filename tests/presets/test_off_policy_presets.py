"""The YAMLs of the off-policy algorithms, beside rl-zoo's for SAC, and what their settings may be."""

from pathlib import Path

import pytest
import rl_zoo3
import yaml
from gymnasium import spaces
from rl_zoo3.exp_manager import ExperimentManager
from stable_baselines3.her.her_replay_buffer import HerReplayBuffer

from sb3_entropy.presets.build import make_envs, make_model
from sb3_entropy.presets.check import check_preset
from sb3_entropy.presets.library import preset_file, read_presets
from sb3_entropy.presets.names import resolve_names
from sb3_entropy.presets.stand_ins import fitted, stand_ins
from sb3_entropy.registry import ALGORITHMS

KEYS = ["sddpg", "sac_adaent"]
ENTRIES = {
    "Pendulum-v1": "Pendulum-v1",
    "MountainCarContinuous-v0": "MountainCarContinuous-v0",
    "Hopper-v5": "Hopper-v4",
    "Walker2d-v5": "Walker2d-v4",
    "HalfCheetah-v5": "HalfCheetah-v4",
    "default": "default",
}
TOYS = {"entropy/Bifurcation-v0", "entropy/Obstacle2D-v0"}
#: by the environment what Zhang et al. 2025 have: steps, learning rate, and the similarity's threshold
SOURCES = {"entropy/PaperVehicle-v0": (2e6, 1e-3, 0.8), "entropy/TorqueAcrobot-v0": (1e6, 1e-3, 0.7)}
PAPER_QUADROTOR = (2e6, 3e-4, 0.9)
PRECISE = {"entropy/Quadrotor-v0", "entropy/Vehicle-v0"}
GOOD = {"policy": "MlpPolicy", "n_timesteps": 1e5}


@pytest.mark.parametrize("algo", KEYS)
def test_every_packaged_entry_is_valid(algo):
    presets = read_presets(preset_file(algo))
    assert presets.keys() == {*ENTRIES, *TOYS, *SOURCES, *PRECISE, "default_image"}
    for env_id, preset in presets.items():
        check_preset(algo, ALGORITHMS.get(algo), preset, f"{algo}, {env_id}")


@pytest.mark.parametrize("algo", KEYS)
def test_the_values_are_rl_zoos_for_sac(algo):
    theirs = yaml.safe_load((Path(rl_zoo3.__file__).parent / "hyperparams" / "sac.yml").read_text())
    ours = read_presets(preset_file(algo))
    for entry, name in ENTRIES.items():
        expected = dict(theirs[name])
        if "policy_kwargs" in expected:
            expected["policy_kwargs"] = eval(expected["policy_kwargs"], {"dict": dict})
        found = dict(ours[entry])
        assert found.pop("similarity_threshold", 0.9) == 0.9
        assert found == expected, entry


@pytest.mark.parametrize("algo", KEYS)
def test_the_toys_have_the_sources_settings(algo):
    toy, obstacle = (read_presets(preset_file(algo))[env_id] for env_id in sorted(TOYS))
    assert (toy["ent_coef"], obstacle["ent_coef"]) == (1.0, 0.2)
    assert toy["learning_rate"] == obstacle["learning_rate"] == 1e-3
    assert toy["policy_kwargs"] == {"net_arch": [32, 32]}
    assert (obstacle["n_timesteps"], obstacle["learning_starts"]) == (50_000, 10_000)
    assert toy.get("similarity_threshold", 0.9) == obstacle.get("similarity_threshold", 0.9) == 0.9


@pytest.mark.parametrize("algo", KEYS)
def test_the_sources_vehicle_acrobot_and_quadrotor_have_its_settings(algo):
    file = preset_file(algo)
    quadrotor = read_presets(file.parent / "paper" / file.name)
    check_preset(algo, ALGORITHMS.get(algo), quadrotor["entropy/Quadrotor-v0"], "paper")
    assert quadrotor["entropy/Quadrotor-v0"].pop("env_kwargs") == {"model": "paper"}
    presets = read_presets(file) | quadrotor
    for env_id, (steps, rate, threshold) in {**SOURCES, "entropy/Quadrotor-v0": PAPER_QUADROTOR}.items():
        expected = {"n_timesteps": steps, "policy": "MlpPolicy", "learning_rate": rate, "learning_starts": 10_000}
        # SDDPG is the source's SAC with the minimum alone, which SACAdaEnt has by itself.
        own = {"similarity_threshold": threshold} if algo == "sac_adaent" else {"actor_critic": "minimum"}
        assert presets[env_id] == expected | {"ent_coef": 0.2} | own, env_id


def test_the_two_differ_in_nothing_where_precision_matters():
    ours, adaents = (read_presets(preset_file(algo)) for algo in KEYS)
    for env_id in PRECISE:
        assert ours[env_id] == adaents[env_id]
        assert ours[env_id]["n_timesteps"] <= 50_000


@pytest.mark.parametrize("algo", KEYS)
@pytest.mark.parametrize("env_id", ["Pendulum-v1", "MountainCarContinuous-v0"])
def test_an_entry_makes_a_model(algo, env_id):
    preset = read_presets(preset_file(algo))[env_id]
    env = make_envs(env_id, preset, 0)
    model = make_model(algo, env, {key: value for key, value in preset.items() if key != "n_timesteps"}, 0, 100)
    assert model.use_sde == (env_id != "Pendulum-v1")
    assert model.learning_rate == preset["learning_rate"]
    assert model.ent_coef == preset.get("ent_coef", "auto")
    env.close()


@pytest.mark.parametrize("algo", KEYS)
def test_what_stands_in_for_other_environments(algo, tmp_path):
    presets = read_presets(preset_file(algo))
    box, picture = spaces.Box(-1, 1, (2,)), spaces.Box(0, 255, (36, 36, 3), "uint8")
    chosen = {kind: next(n for n in stand_ins(kind_, box) if n in presets) for kind, kind_ in enumerate((box, picture))}
    assert chosen == {0: "default", 1: "default_image"}
    assert fitted(presets["default_image"], picture)["policy"] == "CnnPolicy"
    assert fitted(presets["default"], spaces.Dict({"a": box}))["policy"] == "MultiInputPolicy"
    read, _ = ExperimentManager(
        None, algo, "Reacher-v5", str(tmp_path), config=str(preset_file(algo))
    ).read_hyperparameters()
    assert read == {"policy": "MlpPolicy", "n_timesteps": 1e6}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"similarity_threshold": 1.5}, ValueError, "similarity_threshold must be a number .*1.5"),
        ({"similarity": "shiftd"}, ValueError, "Did you mean 'shifted'"),
        ({"similarity_rule": "exakt"}, ValueError, "Did you mean 'exact'"),
        ({"similarity_samples": 0}, ValueError, "similarity_samples must be a whole number ≥ 1, but 0"),
        ({"actor_critic": "frist"}, ValueError, "Did you mean 'first'"),
        ({"ent_coef_gradient": "log"}, ValueError, "ent_coef_gradient.*'log'"),
        ({"ent_coef_lr": 0}, ValueError, "ent_coef_lr must be a number > 0, but 0"),
        ({"tau": 1.1}, ValueError, "tau must be a number .*1.1"),
        ({"gae_lambda": 0.9}, ValueError, "Unknown key 'gae_lambda' for sac_adaent"),
        ({"policy_kwargs": {"std_scheme": "local"}}, ValueError, "Unknown key 'std_scheme' for policy_kwargs"),
        (
            {"replay_buffer_class": "HerReplayBufer"},
            ValueError,
            "Unknown replay buffer.*Did you mean 'HerReplayBuffer'",
        ),
        ({"replay_buffer_class": "torch.nn.ReLU"}, TypeError, "replay_buffer_class must be a class of ReplayBuffer"),
        ({"replay_buffer_kwargs": "dict()"}, ValueError, "replay_buffer_kwargs must be a mapping.*n_sampled_goal: 4"),
    ],
)
def test_wrong_settings_are_explained(changes, error, message):
    with pytest.raises(error, match=f"(?s){message}.*It was given in file.yml"):
        check_preset("sac_adaent", ALGORITHMS.get("sac_adaent"), {**GOOD, **changes}, "file.yml")


def test_settings_of_the_family_pass():
    more = {
        "ent_coef": "auto_0.1",
        "ent_coef_lr": None,
        "target_entropy": 1.0,  # which six dimensions can reach, and one cannot: the constructor says it
        "train_freq": [1, "episode"],
        "gradient_steps": -1,
        "noise_type": "normal",
        "noise_std": 0.1,
        "replay_buffer_class": "HerReplayBuffer",
        "replay_buffer_kwargs": {"n_sampled_goal": 4, "goal_selection_strategy": "future"},
        "similarity_rule": {"similarity_rule": "linear"},
        "variant": "poster",
    }
    check_preset("sac_adaent", ALGORITHMS.get("sac_adaent"), {**GOOD, **more})


def test_a_buffer_is_named():
    assert resolve_names({"replay_buffer_class": "HerReplayBuffer"})["replay_buffer_class"] is HerReplayBuffer
    path = "stable_baselines3.common.buffers.DictReplayBuffer"
    assert resolve_names({"replay_buffer_class": path})["replay_buffer_class"].__name__ == "DictReplayBuffer"
    with pytest.raises(ValueError, match="Unknown rollout buffer 'HerReplayBuffer'"):
        resolve_names({"rollout_buffer_class": "HerReplayBuffer"})


def test_a_short_run_has_a_buffer_that_holds_a_batch():
    preset = {"policy_kwargs": {"net_arch": [4]}, "batch_size": 64}
    env = make_envs("Pendulum-v1", preset, 0)
    for given, least in ((preset, 64), ({"policy_kwargs": {"net_arch": [4]}}, 256)):
        model = make_model("sddpg", env, given, 0, longest=10)
        assert least <= model.replay_buffer.buffer_size < least + 10
    env.close()
