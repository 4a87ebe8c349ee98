"""NumPy's numbers, as a sweep over an array has them, are taken wherever Python's are, and leave no trace."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contracts.models import KEYS, OFF_POLICY, arguments_of, assert_same_state
from sb3_entropy.algorithms.common.arguments import plain
from sb3_entropy.references.previous import PreviousPolicies
from sb3_entropy.registry import ALGORITHMS

WHOLE = {"n_steps": 16, "seed": 3, "stats_window_size": 5, "verbose": 0}
REAL = {"learning_rate": 1e-3, "gamma": 0.9, "ent_coef": 0.1}
#: of these an algorithm is given those that it has
OWN: dict[str, Any] = {
    "batch_size": 8,
    "n_epochs": 2,
    "clip_range": 0.2,
    "clip_range_vf": 0.2,
    "normalize_advantage": True,
    "rms_prop_eps": 1e-5,
    "gae_lambda": 0.9,
    "entropy_in_return": True,
    "cg_max_steps": 3,
    "cg_damping": 0.1,
    "target_kl": 0.01,
    "sub_sampling_factor": 1,
    "baseline": False,
    "coef": 0.2,
    "coef_lr": 1e-3,
    "regularizers": [{"divergence": "kl", "reference": "previous", "coef": 0.1}],
}
#: of the off-policy ones
OFF: dict[str, Any] = {
    "n_steps": 1,
    "learning_starts": 8,
    "buffer_size": 64,
    "tau": 0.1,
    "train_freq": 4,
    "gradient_steps": 2,
    "target_update_interval": 2,
    "ent_coef_lr": 1e-2,
    "use_target_actor": True,
    "similarity_threshold": 0.5,
    "similarity_samples": 3,
    "blend_temperature": 0.5,
    "plain_entropy": False,
}
COMMON = {"policy_kwargs": {"net_arch": [4], "optimizer_kwargs": {"weight_decay": 1e-4}}}


def numpied(value: Any) -> Any:
    """The same with NumPy's numbers; those that float32 has exactly, or nearly."""
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, (int, float)):
        return np.int64(value) if isinstance(value, int) else np.float64(value)
    if isinstance(value, Mapping):
        return {key: numpied(part) for key, part in value.items()}
    return [numpied(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("key", KEYS)
def test_they_train_and_are_saved_as_pythons(key: str, tmp_path: Path) -> None:
    algorithm = ALGORITHMS.get(key)
    known = {**OWN, **(OFF if key in OFF_POLICY else {})}
    own = {name: value for name, value in known.items() if name in arguments_of(algorithm)}
    given = {**WHOLE, **REAL, **own, **COMMON}
    env = "Pendulum-v1" if key in OFF_POLICY else "CartPole-v1"
    expected = algorithm("MlpPolicy", env, device="cpu", **given).learn(32)
    model = algorithm("MlpPolicy", env, device="cpu", **numpied(given)).learn(32)
    model.save(tmp_path / "model")
    loaded = algorithm.load(tmp_path / "model", device="cpu")
    assert_same_state(loaded, expected)
    kept = [name for name, value in vars(model).items() if name in given and isinstance(value, np.generic)]
    assert kept == []


def test_single_precision_is_taken_too() -> None:
    arguments = {"learning_rate": np.float32(0.25), "gamma": np.float16(0.5), "clip_range": np.float32(0.125)}
    model = ALGORITHMS.get("sppo")("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8, **arguments)
    assert (model.learning_rate, model.gamma, model.clip_range(1.0)) == (0.25, 0.5, 0.125)


def test_a_reference_of_ones_own() -> None:
    assert PreviousPolicies(n_snapshots=np.int64(2)).snapshots.maxlen == 2  # type: ignore[arg-type]


def test_what_is_plain_stays_what_it_is() -> None:
    array, function = np.zeros(2), len
    value = {"a": [1, (2.0, np.int8(3))], "b": array, "c": function}
    assert plain(value)["a"] == [1, (2.0, 3)]
    assert type(plain(value)["a"][1][1]) is int
    assert plain(value)["b"] is array
    assert plain(value)["c"] is function
