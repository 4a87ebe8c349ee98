"""What a user hands over is neither written to nor shared by the models that get it."""

import copy
import io
import threading
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from contracts.envs import make_env
from contracts.models import (
    KEYS,
    ON_POLICY,
    actions_of,
    arguments_of,
    assert_equal_parameters,
    build,
    deep_state,
    parameters,
    small,
    updated_every,
)
from contracts.on_policy.test_changing import HalvedRewards
from sb3_entropy import SA2C, SPPO, DivergenceRegPG
from sb3_entropy.callbacks import ActionDiversityCallback
from sb3_entropy.divergences import make_divergence
from sb3_entropy.divergences.kernels import make_kernel
from sb3_entropy.handed_over import described, owned
from sb3_entropy.references import make_reference
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.regularizers.regularizer import Regularizer

TUNED = {"coef": "auto_0.5", "target_divergence": 0.1, "coef_lr": 0.01}


class HalvedReplay(ReplayBuffer):
    """A user's own replay buffer."""

    def __init__(self, *args: Any, factor: float = 0.5, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.factor = factor

    def add(self, obs: Any, next_obs: Any, action: Any, reward: Any, *rest: Any) -> None:
        super().add(obs, next_obs, action, self.factor * reward, *rest)


class Backbone(BaseFeaturesExtractor):
    """Takes a module that was made elsewhere."""

    def __init__(self, observation_space: Any, module: th.nn.Module, sizes: list[int], normalized_image: bool = False):
        super().__init__(observation_space, sizes[0])
        self.module = module

    def forward(self, observations: th.Tensor) -> th.Tensor:
        features: th.Tensor = self.module(observations)
        return features


def module() -> th.nn.Module:
    """:return: always the same one"""
    th.manual_seed(5)
    return th.nn.Linear(3, 4)


# By constructor argument: fresh objects of each kind that it may be.
HANDED: dict[str, Any] = {
    "policy_kwargs": lambda: {
        "net_arch": {"pi": [8], "vf": [8], "qf": [8]},
        "normalize_images": False,  # Stable-Baselines3 writes this into the arguments of the extractor
        "features_extractor_class": Backbone,
        "features_extractor_kwargs": {"module": module(), "sizes": [4]},
    },
    "rollout_buffer_kwargs": lambda: {"factor": np.array(0.5)},
    "regularizers": lambda: [
        Regularizer("kl", reference="previous", **TUNED),
        {"divergence": "kl", "reference": make_reference("ema", decay=0.5), "coef": "decay_1_0.5"},
        {"divergence": "mmd", "divergence_kwargs": {"kernel": make_kernel({"kernel": "rbf", "features": np.eye(3)})}},
        {"divergence": make_divergence("hellinger"), "reference": "previous", "reference_kwargs": {"n_snapshots": 2}},
    ],
    "replay_buffer_kwargs": lambda: {"factor": np.array(0.5)},
    "similarity_rule": lambda: {"similarity_rule": "linear"},
    "divergence_kwargs": lambda: {"kernel": make_kernel({"kernel": "rbf", "features": np.eye(3)})},
    "divergence": lambda: make_divergence("hellinger"),
    "reference": lambda: make_reference("previous", n_snapshots=2),
}
WITH: dict[str, dict[str, Any]] = {
    "rollout_buffer_kwargs": {"rollout_buffer_class": HalvedRewards},
    "replay_buffer_kwargs": {"replay_buffer_class": HalvedReplay},
    "divergence_kwargs": {"divergence": "mmd"},
    "divergence": {"divergence_kwargs": None},
    "reference": TUNED,
}


def handed_to(key: str, name: str) -> Any:
    """:return: a fresh object for an algorithm's argument; features of its actions, if they are choices"""
    thing = HANDED[name]()
    if name == "regularizers" and key not in ON_POLICY:
        thing[2:] = [{"divergence": make_divergence("kl"), "reference": "ema"}]
    return thing


def handed() -> list[Any]:
    """:return: algorithms with the arguments that are no plain values"""
    having = {key: arguments_of(ALGORITHMS.get(key)) for key in KEYS}
    return [pytest.param(key, name, id=f"{key}-{name}") for key in KEYS for name in HANDED if name in having[key]]


def trained(key: str, name: str, thing: Any) -> Any:
    settings = {**updated_every(key, 8), "learning_rate": 0.05, **WITH.get(name, {})}
    env, cls = make_env(actions=actions_of(key)), ALGORITHMS.get(key)
    if name == "policy_kwargs":  # as it is, and not with what build() adds
        settings = {**small(cls), **updated_every(key, 8)}
        return cls("MlpPolicy", env, policy_kwargs=thing, seed=0, device="cpu", **settings).learn(16)
    return build(key, env, **{**settings, name: thing}).learn(16)


@pytest.mark.filterwarnings("ignore:You have specified a mini-batch size")
@pytest.mark.parametrize(("key", "name"), handed())
def test_neither_written_to_nor_shared(key: str, name: str) -> None:
    thing, before = handed_to(key, name), deep_state(handed_to(key, name))
    assert deep_state(thing) == before
    first = trained(key, name, thing)
    learned = parameters(first)
    second = trained(key, name, thing)
    assert_equal_parameters(second, learned)  # of the first nothing was left in it
    assert_equal_parameters(first, learned)
    assert deep_state(thing) == before


def test_one_dictionary_for_two_algorithms() -> None:
    shared: dict[str, Any] = {"net_arch": [8]}
    models = [cls("MlpPolicy", make_env(), policy_kwargs=shared, device="cpu") for cls in (SA2C, SPPO)]
    assert [type(model.policy.optimizer).__name__ for model in models] == ["RMSprop", "Adam"]
    assert shared == {"net_arch": [8]}


@pytest.mark.parametrize("way", ["custom_objects", "kwargs", "assigned"])
def test_what_is_given_later_is_not_shared_either(way: str) -> None:
    file = io.BytesIO()
    build("divergence_reg_pg", make_env(actions="discrete"), divergence="mmd", divergence_kwargs=None).save(file)
    given = {"regularizers": HANDED["regularizers"](), "divergence_kwargs": HANDED["divergence_kwargs"]()}
    before, learned = deep_state(given), []
    for _ in range(2):
        file.seek(0)
        changes = {"custom_objects": given} if way == "custom_objects" else given if way == "kwargs" else {}
        model = DivergenceRegPG.load(file, make_env(actions="discrete"), "cpu", **changes)
        if way == "assigned":
            model.set_arguments(**given)
        learned.append(model.learn(16))
    assert_equal_parameters(learned[1], parameters(learned[0]))
    assert learned[0].regularizers[0] is not learned[1].regularizers[0]
    assert learned[0].regularizers[0].reference is not learned[1].regularizers[0].reference
    assert deep_state(given) == before


def test_a_custom_object_is_not_written_to() -> None:
    """Stable-Baselines3 deletes a key of it."""
    file = io.BytesIO()
    build("sppo").save(file)
    file.seek(0)
    given = {"policy_kwargs": {"net_arch": [8], "device": "cpu"}, "learning_rate": 0.5}
    before = copy.deepcopy(given)
    assert SPPO.load(file, custom_objects=given, device="cpu").learning_rate == 0.5
    assert given == before


def test_what_cannot_be_copied_stays_the_users_own() -> None:
    env, generator = make_env(), (number for number in range(3))
    given = {"env": env, "list": [generator, [1]], "twice": (module(), 1)}
    taken = owned(given)
    assert taken["env"] is env
    assert taken["list"][0] is generator
    assert taken["list"][1] is not given["list"][1]
    assert taken["twice"][0] is not given["twice"][0]
    one = module()
    both = owned({"pi": one, "vf": [one]})
    assert both["pi"] is both["vf"][0]


@pytest.mark.parametrize("kind", ["regularizer", "reference", "divergence", "kernel"])
def test_what_remembers_and_cannot_be_copied_is_refused(kind: str) -> None:
    kernel = make_kernel({"kernel": "rbf", "features": np.eye(3)})
    things = {
        "regularizer": Regularizer("kl", reference="previous"),
        "reference": make_reference("previous"),
        "divergence": make_divergence("hellinger"),
        "kernel": kernel,
    }
    thing = things[kind]
    thing.lock = threading.Lock()
    rules = {
        "regularizer": thing,
        "reference": {"divergence": "kl", "reference": thing},
        "divergence": {"divergence": thing},
        "kernel": {"divergence": "mmd", "divergence_kwargs": {"kernel": thing}},
    }
    words = rf"{type(thing).__name__}.*cannot be copied for its lock: .*lock.*Leave out what"
    for key in ("sppo", "divergence_reg_pg"):
        with pytest.raises(TypeError, match=words if kind != "regularizer" else "cannot be copied for its lock"):
            build(key, make_env(actions="discrete"), regularizers=[rules[kind]])
    if kind != "regularizer":
        own = {k: v for k, v in rules[kind].items() if k.startswith(("div", "ref"))}
        with pytest.raises(TypeError, match=words):
            build("divergence_reg_pg", make_env(actions="discrete"), **{"divergence_kwargs": None, **own})


def test_objects_are_only_ever_themselves() -> None:
    assert described({"a": (1, 2.5), "b": np.float64(3)}) == {"a": [1, 2.5], "b": 3.0}
    assert described(np.eye(2)) == described(th.eye(2, dtype=th.float64)) != described(np.eye(2, dtype=np.float32))
    assert described(object()) != described(object())
    assert described(lambda: 1) != described(lambda: 1)


def test_a_callback_keeps_its_own_observations() -> None:
    """The array may be a buffer that the environment goes on to write into."""
    given = np.zeros((2, 3), np.float32)
    callback = ActionDiversityCallback(observations=given)
    given[:] = 7
    assert callback.observations.max() == 0
