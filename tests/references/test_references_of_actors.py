"""Reference policies of SAC's: what they remember is the actor, of its time, and they leave the policy as it is."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from policies.actors import KINDS, Seeing, actor_of, moved, parameters_of
from policies.families import BOX, VECTOR, Steps, build
from stable_baselines3 import PPO

from sb3_entropy.distributions.laws import TanhGaussian, UniformBox
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references import make_reference


def law_now(policy: Any, states: Any) -> th.Tensor:
    with th.no_grad():
        return parameters_of(law_at(policy, states))


def found(reference: Any, policy: Any, states: Any) -> th.Tensor:
    with th.no_grad():
        p = law_at(policy, states)
    ((weight, law),) = reference.laws(policy, states, p)
    assert weight == 1
    assert isinstance(law, TanhGaussian)
    assert (law.low.tolist(), law.high.tolist()) == (BOX.low.tolist(), BOX.high.tolist())
    assert not law.mean.requires_grad
    assert not law.std.requires_grad
    return parameters_of(law)


def trace(policy: Any) -> dict[str, Any]:
    """All that a look could leave behind, bit for bit."""
    weights = getattr(policy.actor.action_dist, "exploration_mat", None)
    return {
        "parameters": {name: tensor.numpy().tobytes() for name, tensor in policy.state_dict().items()},
        "objects": [id(parameter) for _, parameter in policy.named_parameters(remove_duplicate=False)],
        "gradients": [parameter.requires_grad for parameter in policy.parameters()],
        "modes": [module.training for module in policy.modules()],
        "noise": None if weights is None else weights.detach().numpy().tobytes(),
        "generators": (th.get_rng_state().tolist(), np.random.get_state()[1].tolist()),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_previous_is_the_actor_before_the_last_update_and_leaves_no_trace(kind: str) -> None:
    model, states = actor_of(kind)
    policy = model.policy
    policy.set_training_mode(True)
    reference = make_reference("previous")
    history = []
    for update in range(4):
        moved(policy, update)
        history.append(law_now(policy, states))
        before = trace(policy)
        reference.begin(policy)
        reference.before_update(policy)
        if update == 0:
            assert reference.laws(policy, states, law_at(policy, states)) == []
            assert [weight for weight, _ in reference.example(policy, states, law_at(policy, states))] == [1.0]
        else:
            assert th.allclose(found(reference, policy, states), history[update - 1], atol=1e-6)
            assert not th.allclose(history[update], history[update - 1], atol=1e-2)
        assert trace(policy) == before


@pytest.mark.parametrize("kind", ["vector", "gSDE", "image, shared"])
def test_a_window_that_is_spaced(kind: str) -> None:
    model, states = actor_of(kind)
    reference = make_reference("previous", n_snapshots=2, every=3, combine="mean")
    history = []
    for update in range(8):
        moved(model.policy, update)
        history.append(law_now(model.policy, states))
        reference.before_update(model.policy)
    laws = reference.laws(model.policy, states, law_at(model.policy, states))
    assert [weight for weight, _ in laws] == [0.5, 0.5]
    for (_, law), update in zip(laws, (3, 6), strict=True):
        assert th.allclose(parameters_of(law), history[update], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_ema_averages_the_parameters(kind: str) -> None:
    model, states = actor_of(kind)
    twin, _ = actor_of(kind)
    reference = make_reference("ema", decay=0.8)
    average: dict[str, th.Tensor] = {}
    for update in range(4):
        moved(model.policy, update)
        now = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
        reference.before_update(model.policy)
        if update > 0:
            twin.policy.load_state_dict(average)
            assert th.allclose(found(reference, model.policy, states), law_now(twin.policy, states), atol=1e-5)
        average = {name: 0.8 * average[name] + 0.2 * now[name] for name in now} if average else now


@pytest.mark.parametrize("key", ["previous", "ema"])
def test_what_is_remembered_is_the_actor_and_goes_on_after_pickling(key: str) -> None:
    model, states = actor_of("vector")
    one = make_reference(key, **({"decay": 0.7} if key == "ema" else {"n_snapshots": 2, "combine": "mean"}))
    for update in range(3):
        moved(model.policy, update)
        one.before_update(model.policy)
    kept = one.snapshots[0] if key == "previous" else one.average
    assert set(kept.tensors) == {name for name in model.policy.state_dict() if name.startswith("actor.")}
    other = pickle.loads(pickle.dumps(one))
    for update in range(3, 5):
        moved(model.policy, update)
        laws = []
        for reference in (one, other):
            reference.before_update(model.policy)
            laws.append(reference.laws(model.policy, states, law_at(model.policy, states)))
        for (weight, law), (same_weight, same) in zip(*laws, strict=True):
            assert weight == same_weight
            assert th.equal(parameters_of(law), parameters_of(same))


@pytest.mark.parametrize("key", ["sac", "tqc", "crossq"])
@pytest.mark.parametrize("use_sde", [False, True])
def test_frozen_from_a_file_a_model_and_a_policy(key: str, use_sde: bool, tmp_path: Path) -> None:
    other = build(key, use_sde=use_sde, policy_kwargs={"net_arch": [5, 4]})
    other.save(tmp_path / "other")
    model, states = actor_of("vector")
    expected = law_now(other.policy, states)
    for source in (tmp_path / "other.zip", str(tmp_path / "other"), other, other.policy):
        before = trace(model.policy)
        reference = make_reference("frozen", policy=source)
        reference.begin(model.policy)
        again = pickle.loads(pickle.dumps(reference))
        again.begin(model.policy)
        for each in (reference, again):
            each.before_update(model.policy)
            assert th.allclose(found(each, model.policy, states), expected, atol=1e-6)
        assert trace(model.policy) == before
        held = {name.split(".")[0] for name, _ in reference._policy.named_parameters()}
        assert held == {"actor"}
    moved(other.policy, 3)
    assert th.allclose(found(reference, model.policy, states), expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_of_every_kind(kind: str) -> None:
    model, states = actor_of(kind)
    expected = law_now(model.policy, states)
    reference = make_reference("frozen", policy=model)
    reference.begin(model.policy)
    moved(model.policy, 1)
    assert th.allclose(found(reference, model.policy, states), expected, atol=1e-6)


def test_an_on_policy_policy_can_be_the_reference_of_sacs() -> None:
    other = PPO("MlpPolicy", Steps(), seed=0, device="cpu").policy
    model, states = actor_of("vector")
    reference = make_reference("frozen", policy=other)
    reference.begin(model.policy)
    ((_, law),) = reference.laws(model.policy, states, law_at(model.policy, states))
    with th.no_grad():
        expected = other.get_distribution(states).distribution
    assert th.equal(law.mean, expected.loc)
    assert th.equal(law.std, expected.scale)


def test_uniform_on_the_box() -> None:
    model, states = actor_of("vector")
    reference = make_reference("uniform")
    reference.begin(model.policy)
    ((_, law),) = reference.laws(model.policy, states, law_at(model.policy, states))
    assert isinstance(law, UniformBox)
    width = (BOX.high - BOX.low).prod()
    inside = th.as_tensor((BOX.low + BOX.high) / 2).expand(1, len(states), -1)
    assert law.log_prob(inside).exp().numpy() == pytest.approx(np.full((1, len(states)), 1 / width))


def test_what_has_no_density_is_no_reference(tmp_path: Path) -> None:
    other = build("td3")
    with pytest.raises(TypeError, match=r"a policy: an ActorCriticPolicy, or that of SAC, TQC or CrossQ, but .*TD3"):
        make_reference("frozen", policy=other)
    other.save(tmp_path / "td3")
    with pytest.raises(ValueError, match=r"TD3Policy, not an ActorCriticPolicy, nor that of SAC, TQC or CrossQ.*SAC"):
        make_reference("frozen", policy=tmp_path / "td3.zip")


def test_a_frozen_actor_of_another_box_is_refused() -> None:
    model, _ = actor_of("vector")
    other = build("sac", Steps(spaces.Box(-1, 1, (2,))))
    with pytest.raises(ValueError, match="The frozen reference has the action space Box"):
        make_reference("frozen", policy=other).begin(model.policy)
    with pytest.raises(ValueError, match="The frozen reference has the observation space Dict"):
        make_reference("frozen", policy=actor_of("mapping")[0]).begin(model.policy)


def test_a_snapshot_of_the_actor_fits_its_network_and_no_other() -> None:
    model, states = actor_of("vector")
    snapshots = [Snapshot.of_actor(model.policy), Snapshot(model.policy)]
    expected = law_now(model.policy, states)
    moved(model.policy, 1)
    critic = {name: tensor.clone() for name, tensor in model.policy.critic.state_dict().items()}
    for snapshot in snapshots:
        assert th.allclose(parameters_of(snapshot.law(model.policy, states)), expected, atol=1e-6)
        assert snapshot.misfit(model.policy) is None
    snapshots[0].put_into(model.policy)
    assert th.equal(law_now(model.policy, states), expected)
    assert all(th.equal(tensor, critic[name]) for name, tensor in model.policy.critic.state_dict().items())
    other = build("sac", Seeing(VECTOR), policy_kwargs={"net_arch": {"pi": [9], "qf": [8]}}).policy
    with pytest.raises(ValueError, match=r"'actor.latent_pi.0.weight' the snapshot has the shape \(8, 3\), and .*9, 3"):
        snapshots[0].law(other, states)
    sizes = [sum(tensor.numel() for tensor in snapshot.tensors.values()) for snapshot in snapshots]
    assert sizes[0] < sizes[1] / 3
