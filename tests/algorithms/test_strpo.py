"""STRPO's trust region."""

from typing import Any

import pytest
import torch as th
from contracts.envs import make_env
from contracts.models import assert_equal_parameters, build, has_moved, parameters, policy_for, record

from sb3_entropy import STRPO


def joint_kl(model: STRPO, start: dict[str, th.Tensor]) -> float:
    """KL(π ‖ π_old) of the joint Gaussian, by its closed form, over the states of the last rollout."""
    observations = th.as_tensor(model.rollout_buffer.observations.reshape(model.n_steps, -1))
    with th.no_grad():
        new = model.policy.get_distribution(observations).distribution
        mean, std = new.loc.clone(), new.scale.clone()
        now = parameters(model)
        model.policy.load_state_dict(start)
        old = model.policy.get_distribution(observations).distribution
        divergence = (old.scale / std).log() + (std**2 + (mean - old.loc) ** 2) / (2 * old.scale**2) - 0.5
        model.policy.load_state_dict(now)
    return float(divergence.sum(dim=1).mean())


@pytest.mark.parametrize("soft_gradient", ["entropy", "log_prob"])
@pytest.mark.parametrize("target_kl", [0.003, 0.03])
def test_the_joint_divergence_stays_in_its_bound(target_kl: float, soft_gradient: str) -> None:
    """ "mean" bounds the average over the two dimensions, "sum" the joint divergence."""
    reached = {}
    for reduction, bound in (("mean", 2 * target_kl), ("sum", target_kl)):
        settings: dict[str, Any] = {"ent_coef": 0.1, "soft_gradient": soft_gradient, "cg_max_steps": 10}
        model = build(STRPO, n_steps=32, target_kl=target_kl, kl_reduction=reduction, **settings)
        logged, start = record(model), parameters(model)
        model.learn(32, log_interval=1)
        assert logged.values["train/is_line_search_success"] == [1.0]
        reached[reduction] = joint_kl(model, start)
        assert 0.2 * bound < reached[reduction] < bound
        scale = 2 if reduction == "mean" else 1
        assert logged.values["train/kl_divergence_loss"][0] == pytest.approx(reached[reduction] / scale, rel=1e-3)
    assert reached["sum"] < reached["mean"]


def test_discrete_actions_have_one_divergence() -> None:
    models = [
        build(STRPO, make_env(actions="discrete"), kl_reduction=reduction).learn(48) for reduction in ("mean", "sum")
    ]
    assert_equal_parameters(models[0], parameters(models[1]))


@pytest.mark.parametrize("actions", ["multi_discrete", "multi_binary"])
def test_both_reductions_train_on_several_dimensions(actions: str) -> None:
    for reduction in ("mean", "sum"):
        model = build(STRPO, make_env(actions=actions), kl_reduction=reduction, ent_coef=0.1)
        start = parameters(model)
        assert has_moved(model.learn(32), start)


def test_a_failed_line_search_leaves_the_policy() -> None:
    """One try, at a step that the bound does not allow."""
    model = build(STRPO, line_search_max_iter=1, cg_max_steps=1, target_kl=1e4, learning_rate=0.01)
    logged, start = record(model), parameters(model)
    model.learn(16, log_interval=1)
    assert logged.values["train/is_line_search_success"] == [0.0]
    assert logged.values["train/kl_divergence_loss"] == [0.0]
    now = parameters(model)
    for name in now:
        assert th.equal(now[name], start[name]) == ("value" not in name), name


@pytest.mark.parametrize("observations", ["vector", "dict"])
@pytest.mark.parametrize("soft_gradient", ["entropy", "log_prob"])
def test_sub_sampling(observations: str, soft_gradient: str) -> None:
    settings = {"policy": policy_for(observations), "soft_gradient": soft_gradient}
    seen = []
    model = build(STRPO, make_env(observations), sub_sampling_factor=4, ent_coef=0.1, **settings)
    policy_loss = model._policy_loss

    def counted(advantages: th.Tensor, log_prob: th.Tensor, batch: Any) -> th.Tensor:
        seen.append(len(advantages))
        return policy_loss(advantages, log_prob, batch)

    model._policy_loss = counted
    start = parameters(model)
    assert has_moved(model.learn(16), start)
    assert set(seen) == {4}


def test_a_shared_trunk_is_moved_by_the_policy_alone() -> None:
    """The critic's updates leave what it shares with the policy."""
    model = build(STRPO, make_env("image"), policy="CnnPolicy", target_kl=1e-8, learning_rate=0.1)
    start = parameters(model)
    model.learn(16)
    now = parameters(model)
    shared = max(float((now[name] - start[name]).abs().max()) for name in now if "features_extractor" in name)
    own = float((now["value_net.weight"] - start["value_net.weight"]).abs().max())
    assert shared < 1e-2 < own
