"""A policy that ``th.compile`` has compiled, or a part of it, is the policy that it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from stable_baselines3 import PPO

from contracts.envs import make_env
from contracts.models import (
    KEYS,
    actions_of,
    assert_equal_parameters,
    build,
    observations_of,
    parameters,
    updated_every,
)
from sb3_entropy.callbacks import action_use
from sb3_entropy.offline import action_probabilities
from sb3_entropy.policies.compiled import by_plain_names
from sb3_entropy.references.frozen import FrozenPolicy

RULES: list[dict[str, Any]] = [
    {"divergence": "kl", "reference": "previous", "mode": "repel", "cap": 2.0, "coef": 0.3},
    {"divergence": "kl", "reference": "ema", "reference_kwargs": {"decay": 0.5}, "coef": 0.1},
]


def compiled(thing: Any) -> Any:
    """:return: it, traced, and run by PyTorch as it is: what is compiled is another matter"""
    return th.compile(thing, backend="eager")


def whole(model: Any) -> None:
    model.policy = compiled(model.policy)


def part(model: Any) -> None:
    model.policy.mlp_extractor = compiled(model.policy.mlp_extractor)


def method(model: Any) -> None:
    model.policy.evaluate_actions = compiled(model.policy.evaluate_actions)


@pytest.mark.parametrize(
    ("key", "compile_"),
    [*((key, whole) for key in KEYS), ("sppo", part), ("sppo", method)],
    ids=lambda given: getattr(given, "__name__", given),
)
def test_trains_with_regularisers_and_is_saved(key: str, compile_: Callable[[Any], None], tmp_path: Path) -> None:
    actions = actions_of(key)
    plain, model = (
        build(key, make_env(actions=actions), **updated_every(key, 8), regularizers=RULES) for _ in range(2)
    )
    model.set_random_seed(0)
    model.learn(8)
    compile_(model)  # in the midst of it, when there are snapshots of the policy as it was
    model.learn(16, reset_num_timesteps=False)
    assert type(model.policy) is type(plain.policy)
    model.save(tmp_path / "model")
    plain.set_random_seed(0)
    plain.learn(8).learn(16, reset_num_timesteps=False)
    again = type(model).load(tmp_path / "model", env=make_env(actions=actions), device="cpu")
    for name, value in parameters(plain).items():
        assert th.allclose(parameters(again)[name], value, atol=1e-6), name
    again.learn(8, reset_num_timesteps=False)


@pytest.mark.parametrize("compile_", [whole, part])
@pytest.mark.parametrize("key", ["sppo", "divergence_reg_pg"])
def test_parameters_go_from_one_to_another(key: str, compile_: Callable[[Any], None], tmp_path: Path) -> None:
    """Whichever of the two is compiled, from memory and from a file."""
    plain, model = build(key, seed=1), build(key, seed=2)
    compile_(model)
    for source, target in ((plain, model), (model, plain), (model, model)):
        given, expected = source.get_parameters(), by_plain_names(parameters(source))
        source.save(tmp_path / "source")
        for handed in ({**given, "policy": expected}, str(tmp_path / "source")):
            for tensor in target.policy.parameters():
                tensor.data = tensor.data + 1
            target.set_parameters(handed, device="cpu")
            found = by_plain_names(parameters(target))
            assert found.keys() == expected.keys()
            assert all(th.equal(found[name], expected[name]) for name in expected)
    with pytest.raises(RuntimeError, match="nowhere"):
        model.set_parameters({**given, "policy": {**given["policy"], "nowhere": th.zeros(1)}})


def test_calls_are_compiled() -> None:
    """Stable-Baselines3 calls the policy in rollouts: there it is what was compiled."""
    traced = []

    def backend(graph: Any, inputs: Any) -> Any:
        traced.append(graph)
        return graph.forward

    model = build("sppo", make_env(actions="discrete"))
    before = parameters(model)
    model.policy = th.compile(model.policy, backend=backend)
    assert_equal_parameters(model, before)
    model.learn(16)
    assert traced


def test_a_compiled_stock_policy_is_looked_at_and_is_a_reference(tmp_path: Path) -> None:
    stock = PPO("MlpPolicy", make_env(actions="discrete"), device="cpu", policy_kwargs={"net_arch": [8]})
    observations = observations_of(stock, 20)
    expected = action_probabilities(stock, observations)
    stock.policy = compiled(stock.policy)
    assert np.allclose(action_probabilities(stock, observations), expected)
    for looked_at in (stock, stock.policy):
        assert action_use(looked_at, observations, np.random.default_rng(0)).n_contexts == 20
    stock.save(tmp_path / "stock")
    policy = build("sppo", make_env(actions="discrete")).policy
    states = policy.obs_to_tensor(observations)[0]
    for source in (stock, stock.policy, tmp_path / "stock.zip"):
        reference = FrozenPolicy(source)
        reference.begin(policy)
        (_, law), *_ = reference.laws(policy, states, None)  # type: ignore[arg-type]
        assert np.allclose(law.log_probs[0].exp(), expected, atol=1e-6)  # type: ignore[attr-defined]
