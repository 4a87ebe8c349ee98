"""Models of Stable-Baselines3, of sb3-contrib and ours load from a copy that runs nothing of the file."""

import base64
import io
import json
import pickle
import zipfile

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from sb3_entropy import SPPO, environments
from sb3_entropy.references.frozen import FrozenPolicy
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.unpickling import model_zip
from sb3_entropy.unpickling.model_zip import checked_copy
from sb3_entropy.unpickling.unpickler import UntrustedError

ROLLOUT = {"n_steps": 16}
REPLAY = {"buffer_size": 50, "learning_starts": 8, "batch_size": 4}
STOCK = {
    "ppo": (stable_baselines3.PPO, ROLLOUT),
    "a2c": (stable_baselines3.A2C, ROLLOUT),
    "trpo": (sb3_contrib.TRPO, ROLLOUT),
    "sac": (stable_baselines3.SAC, REPLAY),
    "td3": (stable_baselines3.TD3, REPLAY),
    "ddpg": (stable_baselines3.DDPG, REPLAY),
    "dqn": (stable_baselines3.DQN, REPLAY),
    "tqc": (sb3_contrib.TQC, REPLAY),
    "qrdqn": (sb3_contrib.QRDQN, REPLAY),
}
REGULARIZERS = [
    {"divergence": "kl", "reference": "previous", "coef": "auto_0.1", "target_divergence": 0.5},
    {"divergence": "jensen_shannon", "reference": "ema", "coef": 0.1},
    {"divergence": "mmd", "reference": "uniform", "coef": 0.1},
]


class Boxes(gym.Env):
    """Observations are numbers, or a mapping of them; actions are a box, or choices."""

    def __init__(self, mapping, choices):
        box = spaces.Box(-1, 1, (2,))
        self.observation_space = spaces.Dict({"a": box, "b": spaces.Discrete(3)}) if mapping else box
        self.action_space = spaces.Discrete(2) if choices else spaces.Box(-1, 1, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        self.t += 1
        return self.observation_space.sample(), 1.0, self.t == 5, False, {}


def _trained(cls, settings, mapping=False, normalized=False, **others):
    ours = cls in dict(ALGORITHMS.items()).values() and not issubclass(cls, stable_baselines3.SAC)
    choices = ours or cls in (stable_baselines3.DQN, sb3_contrib.QRDQN)
    env = DummyVecEnv([lambda: Boxes(mapping, choices)])
    if normalized:
        env = VecNormalize(env, norm_obs_keys=["a"] if mapping else None)
    policy = "MultiInputPolicy" if mapping else "MlpPolicy"
    net = {} if cls.__name__ == "DivergenceRegPG" else {"policy_kwargs": {"net_arch": [4]}}
    return cls(policy, env, device="cpu", seed=0, **{**net, **settings, **others}).learn(20)


def _saved(model):
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    return file


def _assert_alike(model, loaded):
    assert type(loaded) is type(model)
    parameters, others = model.get_parameters(), loaded.get_parameters()
    assert parameters.keys() == others.keys()
    for name, tensor in model.policy.state_dict().items():
        assert torch.equal(tensor, loaded.policy.state_dict()[name]), name
    assert model.num_timesteps == loaded.num_timesteps
    assert model.lr_schedule(0.5) == loaded.lr_schedule(0.5)
    observation = model.env.reset()
    assert (
        model.predict(observation, deterministic=True)[0] == loaded.predict(observation, deterministic=True)[0]
    ).all()


@pytest.mark.parametrize("mapping", [False, True])
@pytest.mark.parametrize("key", STOCK)
def test_every_stock_algorithm_loads_without_trust(key, mapping):
    cls, settings = STOCK[key]
    model = _trained(cls, settings, mapping, normalized=True)
    _assert_alike(model, cls.load(checked_copy(_saved(model), key, algorithm=cls), device="cpu"))


@pytest.mark.parametrize("key", ALGORITHMS.keys())
@pytest.mark.parametrize("mapping", [False, True])
def test_every_algorithm_of_ours_loads_without_trust(key, mapping):
    cls = ALGORITHMS.get(key)
    off_policy = issubclass(cls, stable_baselines3.SAC)
    # Towards uniform, and by Jensen and Shannon, squashed Gaussians have no closed form.
    regularizers = REGULARIZERS[:1] if off_policy else REGULARIZERS
    own = {} if key == "divergence_reg_pg" else {"ent_coef": "auto_0.1", "regularizers": regularizers}
    model = _trained(cls, REPLAY if off_policy else ROLLOUT, mapping, normalized=True, **own)
    file = _saved(model)
    loaded = cls.load(checked_copy(file, key, algorithm=cls), device="cpu")
    _assert_alike(model, loaded)
    # What they remember is what Python's own unpickler reads.
    for name in ("regularizers", "temperature"):
        assert pickle.dumps(getattr(loaded, name)) == pickle.dumps(getattr(cls.load(file, device="cpu"), name))


def test_a_frozen_policy_is_in_the_model():
    frozen = {"divergence": "kl", "reference": "frozen", "reference_kwargs": {"policy": _trained(SPPO, ROLLOUT)}}
    file = _saved(_trained(SPPO, ROLLOUT, regularizers=[frozen]))
    kept = [SPPO.load(zipped, device="cpu").regularizers[0].reference for zipped in (file, checked_copy(file, "it"))]
    assert pickle.dumps(kept[0]) == pickle.dumps(kept[1])


@pytest.mark.parametrize("schedule", ["lin_0.1", stable_baselines3.common.utils.LinearSchedule(0.1, 0.0, 1.0)])
def test_schedules_are_kept(schedule):
    model = _trained(
        SPPO, ROLLOUT, ent_coef=schedule, learning_rate=stable_baselines3.common.utils.LinearSchedule(1, 0, 1)
    )
    loaded = SPPO.load(checked_copy(_saved(model), "agent.zip"), device="cpu")
    assert loaded.lr_schedule(0.25) == 0.25
    assert loaded.temperature.value(0.5) == model.temperature.value(0.5) == 0.05


def test_changes_count_as_for_any_file():
    model = _trained(SPPO, ROLLOUT, ent_coef="auto_0.1")
    loaded = SPPO.load(checked_copy(_saved(model), "agent.zip"), device="cpu", ent_coef=0.3, n_steps=32)
    assert (loaded.ent_coef, loaded.n_steps) == (0.3, 32)


def _with_member(file, member, content):
    """The same zip with another content of a member."""
    other = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(other, "w") as written:
        for name in archive.namelist():
            written.writestr(name, content if name == member else archive.read(name))
    other.seek(0)
    return other


def _with_field(file, key, value):
    """The same zip with another pickle, or another plain value, in a field."""
    if isinstance(value, bytes):
        value = {":type:": "", ":serialized:": base64.b64encode(value).decode()}
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read("data"))
    return _with_member(file, "data", json.dumps({**data, key: value}))


@pytest.fixture(scope="module")
def small():
    return _trained(PPO, ROLLOUT)


@pytest.mark.parametrize("key", ["policy_kwargs", "_last_obs", "anything"])
def test_what_would_write_a_file_is_refused_by_its_field(small, trap, key):
    with pytest.raises(UntrustedError, match=rf"The field '{key}' of agent\.zip names \w+\.system"):
        checked_copy(_with_field(_saved(small), key, pickle.dumps(trap)), "agent.zip")


def test_what_would_write_a_file_does_so_with_trust(small, trap):
    PPO.load(_with_field(_saved(small), "anything", pickle.dumps(trap)), device="cpu")
    assert trap.file.exists()
    trap.file.unlink()


def test_a_schedule_that_is_code_is_refused_but_for_who_has_another():
    rate = 0.001
    file = _saved(_trained(PPO, ROLLOUT, learning_rate=lambda progress: rate * progress))
    with pytest.raises(
        UntrustedError, match=r"The field '\w+' of agent.zip holds code, a function or a class by value"
    ):
        checked_copy(file, "agent.zip")
    given = {"learning_rate": 0.5, "lr_schedule": float}
    loaded = PPO.load(checked_copy(file, "agent.zip", lambda key: key not in given), custom_objects=given, device="cpu")
    assert loaded.lr_schedule(1.0) == 0.5


def test_a_class_by_value_is_refused():
    Extractor = type("Extractor", (FlattenExtractor,), {"__module__": "__main__"})
    file = _saved(_trained(PPO, ROLLOUT, policy_kwargs={"features_extractor_class": Extractor}))
    with pytest.raises(UntrustedError, match=r"The field 'policy_kwargs' of agent\.zip holds code"):
        checked_copy(file, "agent.zip")


class OwnExtractor(FlattenExtractor):
    """Of the module that asks."""


def test_a_network_of_a_package_that_is_named_is_known(monkeypatch):
    monkeypatch.setattr(environments, "_named", set())
    file = _saved(_trained(PPO, ROLLOUT, policy_kwargs={"features_extractor_class": OwnExtractor}))
    with pytest.raises(UntrustedError, match=rf"The field 'policy_kwargs' of agent.zip names {__name__}.OwnExtractor"):
        checked_copy(file, "agent.zip")
    environments.import_packages([__name__])
    loaded = PPO.load(checked_copy(file, "agent.zip"), device="cpu")
    assert type(loaded.policy.features_extractor) is OwnExtractor


def test_an_environment_in_the_file_is_refused(small):
    with pytest.raises(UntrustedError, match="brings an environment"):
        checked_copy(_with_field(_saved(small), "env", "my_package:My-v0"), "agent.zip")


@pytest.mark.parametrize("key", ["set_parameters", "_get_torch_save_params", "__init__", "train"])
@pytest.mark.parametrize("value", [3, pickle.dumps(torch.nn.ReLU)])
def test_no_field_takes_the_place_of_a_method(small, key, value):
    with pytest.raises(UntrustedError, match=f"agent.zip puts the field '{key}' in the place of a method of PPO"):
        checked_copy(_with_field(_saved(small), key, value), "agent.zip", algorithm=PPO)


def test_what_is_pickled_again_is_read_again(small, monkeypatch, trap):
    file = _saved(small)  # by the same function
    monkeypatch.setattr(model_zip.cloudpickle, "dumps", lambda value: pickle.dumps(trap))
    with pytest.raises(UntrustedError, match=r"The field '\w+' of agent\.zip names \w+\.system"):
        checked_copy(file, "agent.zip")


@pytest.mark.parametrize("value", [3, None, "no base 64!", "é", "abc"])
def test_what_is_no_base_64_is_refused_by_its_field(small, value):
    with pytest.raises(ValueError, match=r"The field 'anything' of agent\.zip is no pickle"):
        checked_copy(_with_field(_saved(small), "anything", {":serialized:": value}), "agent.zip")


@pytest.mark.parametrize("data", ["[1]", "3", "null"])
def test_data_that_is_no_mapping_is_refused(small, data):
    with pytest.raises(ValueError, match=r"agent\.zip is no saved model that can be read: its data must be a mapping"):
        checked_copy(_with_member(_saved(small), "data", data), "agent.zip")


def test_parameters_that_are_no_tensors_are_refused_by_their_name(small, trap):
    for content in (pickle.dumps(trap), b"garbage"):
        with pytest.raises(
            UntrustedError, match=r"policy\.pth in agent\.zip holds something else than tensors by name"
        ):
            checked_copy(_with_member(_saved(small), "policy.pth", content), "agent.zip")
    with pytest.raises(ValueError, match=r"policy\.pth in agent\.zip holds no parameters that can be read: EOFError"):
        checked_copy(_with_member(_saved(small), "policy.pth", b""), "agent.zip")


@pytest.mark.parametrize("content", [b"", b"no zip"])
def test_what_is_no_zip_is_refused(content):
    with pytest.raises(ValueError, match=r"agent\.zip is no saved model that can be read"):
        checked_copy(io.BytesIO(content), "agent.zip")


def test_a_frozen_reference_runs_nothing_of_its_file(small, trap, tmp_path):
    good, evil = tmp_path / "good.zip", tmp_path / "evil.zip"
    good.write_bytes(_saved(small).getvalue())
    evil.write_bytes(_with_field(_saved(small), "policy_kwargs", pickle.dumps(trap)).getvalue())
    FrozenPolicy(good).begin(small.policy)
    with pytest.raises(
        ValueError, match=r"The field 'policy_kwargs' of .*evil\.zip names \w+\.system.*FrozenPolicy\(PPO"
    ):
        FrozenPolicy(evil)
    # What a policy is not made of is not read.
    evil.write_bytes(_with_field(_saved(small), "lr_schedule", pickle.dumps(trap)).getvalue())
    frozen = FrozenPolicy(evil)
    frozen.begin(small.policy)
    assert np.isfinite(small.predict(small.env.reset())[0]).all()
