"""Registered algorithms at a size at which they train in a blink, and what two models have in common."""

import inspect
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from contracts.envs import POLICY, make_env
from sb3_entropy.algorithms.actors.algorithm import AsynchronousAlgorithm
from sb3_entropy.algorithms.common import parents
from sb3_entropy.handed_over import Opaque, described
from sb3_entropy.registry import ALGORITHMS

KEYS = ALGORITHMS.keys()
ON_POLICY = [key for key in KEYS if issubclass(ALGORITHMS.get(key), OnPolicyAlgorithm)]
OFF_POLICY = [key for key in KEYS if issubclass(ALGORITHMS.get(key), OffPolicyAlgorithm)]

# Those whose rollouts are fragments of actors.
ASYNCHRONOUS = [key for key in KEYS if issubclass(ALGORITHMS.get(key), AsynchronousAlgorithm)]
SYNCHRONOUS = [key for key in ON_POLICY if key not in ASYNCHRONOUS]

# Of these an on-policy algorithm is given those that it has.
SMALL: dict[str, Any] = {
    "n_steps": 16,
    "batch_size": 8,
    "n_epochs": 2,
    "cg_max_steps": 4,
    "line_search_max_iter": 4,
    "n_critic_updates": 2,
    # A bound on every action space, and an estimator where there is no closed form.
    "divergence": "jensen_shannon",
    "divergence_kwargs": {"estimator": "mixture_sampling", "n_samples": 4},
}
# And of these any other.
SMALL_OFF_POLICY: dict[str, Any] = {
    "batch_size": 8,
    "learning_starts": 8,
    "buffer_size": 200,
    "similarity_samples": 4,
}


# In which an asynchronous algorithm is its parent, bit for bit: one actor, whose fragments never lag; GAE; one pass.
LIKE_PARENT: dict[str, Any] = {"n_actors": 1, "advantage": "gae", "n_epochs": 1}


# Where a divergence stands in the entropy's place, both are there.
WITH_DIVERGENCE = {"ent_coef": 0.01, "baseline": True}


@cache
def arguments_of(algorithm: type[BaseAlgorithm]) -> Mapping[str, inspect.Parameter]:
    """:return: the constructor's parameters by name, without self"""
    return MappingProxyType(dict(list(inspect.signature(algorithm.__init__).parameters.items())[1:]))


def stock_parent(key: str) -> type[BaseAlgorithm] | None:
    """:return: the algorithm of another library that this one extends, None if it extends none"""
    return parents.stock_parent(ALGORITHMS.get(key))


WITH_PARENT = [key for key in KEYS if stock_parent(key) is not None]
# In "normalised" units the bonus is the parent's own, where the parent has one.
WITH_BONUS = [
    key
    for key in WITH_PARENT
    if key in ON_POLICY and "ent_coef" in arguments_of(stock_parent(key))  # type: ignore[arg-type]
]


def small(algorithm: type[BaseAlgorithm], **kwargs: Any) -> dict[str, Any]:
    """:return: those of the small settings that the algorithm has, with ``kwargs`` over them"""
    settings = SMALL_OFF_POLICY if issubclass(algorithm, OffPolicyAlgorithm) else SMALL
    given = {name: value for name, value in settings.items() if name in arguments_of(algorithm)}
    return {**given, **(WITH_DIVERGENCE if "divergence" in given else {}), **kwargs}


def like_parent(key: str) -> dict[str, Any]:
    """:return: the settings in which an algorithm of ours is its parent, besides those of every one"""
    known = arguments_of(ALGORITHMS.get(key)) if key in ASYNCHRONOUS else ()
    return {name: value for name, value in LIKE_PARENT.items() if name in known}


def build(algorithm: type[BaseAlgorithm] | str, env: Any = None, **kwargs: Any) -> Any:
    """:return: a small model, seeded, on the environment that is given, or on one with vectors and a box"""
    cls = ALGORITHMS.get(algorithm) if isinstance(algorithm, str) else algorithm
    policy = kwargs.pop("policy", "MlpPolicy")
    policy_kwargs = {**tiny_nets(policy), **kwargs.pop("policy_kwargs", {})}
    settings = {"seed": 0, "device": "cpu", **small(cls, **kwargs)}
    return cls(policy, make_env() if env is None else env, policy_kwargs=policy_kwargs, **settings)


def actions_of(key: str) -> str:
    """:return: the name of an action space of the algorithm's: choices, if it can make any"""
    return "discrete" if key in ON_POLICY else "box"


def updated_every(key: str, n_steps: int) -> dict[str, int]:
    """:return: the arguments by which an algorithm learns after so many steps of its environment"""
    return {"n_steps": n_steps} if key in ON_POLICY else {"train_freq": n_steps}


def tiny_nets(policy: Any) -> dict[str, Any]:
    """:return: ``policy_kwargs`` for a net of 8 units"""
    if policy == "CnnPolicy":
        return {"net_arch": [8], "features_extractor_kwargs": {"features_dim": 8}}
    if policy == "MultiInputPolicy":
        return {"net_arch": [8], "features_extractor_kwargs": {"cnn_output_dim": 8}}
    return {"net_arch": [8]}


def policy_for(observations: str) -> str:
    """:return: the policy's name for an observation space's name"""
    return POLICY.get(observations, "MlpPolicy")


def parameters(model: BaseAlgorithm) -> dict[str, th.Tensor]:
    """:return: copies of all that the policy holds, by name"""
    return {name: tensor.detach().clone() for name, tensor in model.policy.state_dict().items()}


def assert_equal_parameters(model: BaseAlgorithm, expected: dict[str, th.Tensor]) -> None:
    """Bit for bit."""
    found = parameters(model)
    assert found.keys() == expected.keys()
    different = [name for name in found if not th.equal(found[name], expected[name])]
    assert not different, f"different: {different}"


def learned_state(model: Any) -> dict[str, th.Tensor]:
    """:return: copies of all that a model learns, by name: networks, states of the optimisers, the tuned α of SAC"""
    parts, names = model.get_parameters(), model._get_torch_save_params()[1]
    found = {f"{part}{name}": value for part, held in parts.items() for name, value in _flat(held.get("state", held))}
    found |= {name: getattr(model, name).detach() for name in names}
    return {name: th.as_tensor(value).clone() for name, value in found.items()}


def _flat(held: Any, name: str = "") -> list[tuple[str, Any]]:
    """:return: tensors and numbers in dictionaries, by where they stand"""
    if isinstance(held, Mapping):
        return [pair for key, part in held.items() for pair in _flat(part, f"{name} {key}")]
    return [(name, held)]


def assert_same_state(model: BaseAlgorithm, other: BaseAlgorithm) -> None:
    """
    The same parameters and the same states of the optimisers, bit for bit. What the first has besides, of an algorithm
    whose parent the other is, are plain critics.
    """
    found, expected = learned_state(model), learned_state(other)
    assert any("optimizer" in name for name in expected)
    if type(model) is not type(other):
        found = {name: value for name, value in found.items() if not name.startswith("plain_critic")}
    assert found.keys() == expected.keys()
    different = [name for name in found if not th.equal(found[name], expected[name])]
    assert not different, f"different: {different}"


def has_moved(model: BaseAlgorithm, start: dict[str, th.Tensor]) -> bool:
    """:return: whether training has changed the policy, and left it finite"""
    now = parameters(model)
    assert all(bool(tensor.isfinite().all()) for tensor in now.values())
    return any(not th.equal(now[name], start[name]) for name in start)


class Recorder(KVWriter):
    """Keeps what a logger writes: by key, the values one after another."""

    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = defaultdict(list)
        self.steps: list[int] = []

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        self.steps.append(step)
        for key, value in key_values.items():
            self.values[key].append(value)

    def close(self) -> None:
        """Nothing is open."""


def record(model: BaseAlgorithm) -> Recorder:
    """Let a model log to memory. Returns what will hold it."""
    recorder = Recorder()
    model.set_logger(Logger(folder=None, output_formats=[recorder]))
    return recorder


def alpha(model: Any) -> float:
    """:return: the temperature as it stands, at the start of the progress"""
    return float(model.temperature.value(1.0))


def observations_of(model: Any, n: int = 5) -> Any:
    """:return: n observations from the model's own space, seeded"""
    space = model.observation_space
    space.seed(7)
    return np.stack([space.sample() for _ in range(n)])


def deep_state(thing: Any) -> Any:
    """:return: all that is in it, deeply: arrays, tensors and the attributes of objects as they stand"""
    if isinstance(thing, (np.ndarray, th.Tensor)):
        return described(thing)
    if isinstance(thing, dict):
        return {str(name): deep_state(value) for name, value in thing.items()}
    if isinstance(thing, (list, tuple, set)) or type(thing).__name__ == "deque":
        return [deep_state(value) for value in thing]
    if isinstance(thing, Opaque):
        return "an object"
    if isinstance(thing, type) or not hasattr(thing, "__dict__"):
        return repr(thing)
    return [type(thing).__name__, deep_state(dict(vars(thing)))]
