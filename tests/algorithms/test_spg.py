"""The ways in which SPG collects its episodes, and what it learns from them."""

from typing import Any

import numpy as np
import pytest
import torch as th
from contracts.envs import make_env, make_vec_env
from contracts.models import assert_equal_parameters, build, has_moved, parameters, policy_for, record
from stable_baselines3.common.callbacks import BaseCallback
from torch.nn import functional as F

from sb3_entropy import SPG
from sb3_entropy.algorithms.on_policy.episodes import finished, quotas

REINFORCE: dict[str, Any] = {"baseline": False, "ent_coef": 0.0, "normalize_advantage": False, "max_grad_norm": None}


class Rollouts(BaseCallback):
    """Keeps what each rollout held: its rewards, where episodes start, and which steps are learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[np.ndarray] = []
        self.starts: list[np.ndarray] = []
        self.kept: list[np.ndarray] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        buffer = self.model.rollout_buffer
        self.rewards.append(buffer.rewards.copy())
        self.starts.append(buffer.episode_starts.copy())
        self.kept.append(np.ones(buffer.rewards.shape, dtype=bool) if buffer.keep is None else buffer.keep.copy())


@pytest.mark.parametrize("baseline", [True, False])
def test_whole_episodes_of_one_environment(baseline: bool) -> None:
    seen = Rollouts()
    model = build(SPG, make_env(length=7), n_episodes=3, n_steps=4, baseline=baseline)
    start = parameters(model)
    model.learn(2 * 21, callback=seen)
    assert model.num_timesteps == 42
    assert has_moved(model, start)
    for starts, kept in zip(seen.starts, seen.kept, strict=True):
        assert starts.shape == (21, 1)  # it outgrew the 4 steps that were asked for
        assert np.flatnonzero(starts).tolist() == [0, 7, 14]
        assert kept.all()


@pytest.mark.parametrize("baseline", [True, False])
def test_whole_episodes_of_several_environments(baseline: bool) -> None:
    """Episodes of 5, 6 and 7 steps: the first environment does two, the others one; what they do more is left out."""
    seen = Rollouts()
    env = make_vec_env(3)
    model = build(SPG, env, n_episodes=4, baseline=baseline)
    model.learn(60, callback=seen)
    assert model.num_timesteps == 60
    for starts, kept in zip(seen.starts, seen.kept, strict=True):
        assert starts.shape == (10, 3)
        assert kept.sum(axis=0).tolist() == [10, 6, 7]
        # Every rollout begins with episodes that begin.
        assert starts[0].all()
        assert all(kept[: int(n), env].all() for env, n in enumerate(kept.sum(axis=0)))


def test_shares_are_fixed_beforehand() -> None:
    assert quotas(7, 3).tolist() == [3, 2, 2]
    assert quotas(2, 4).tolist() == [1, 1, 0, 0]


def test_fewer_episodes_than_environments() -> None:
    seen = Rollouts()
    build(SPG, make_vec_env(3), n_episodes=1).learn(15, callback=seen)
    assert seen.kept[0].sum(axis=0).tolist() == [5, 0, 0]


@pytest.mark.parametrize("observations", ["vector", "dict"])
@pytest.mark.parametrize("actions", ["box", "discrete", "multi_discrete", "multi_binary"])
def test_whole_episodes_on_every_space(observations: str, actions: str) -> None:
    for soft_gradient in ("entropy", "log_prob"):
        env = make_env(observations, actions, truncates=True)
        settings = {"policy": policy_for(observations), "soft_gradient": soft_gradient}
        model = build(SPG, env, n_episodes=2, n_steps=3, ent_coef="auto_0.1", **settings)
        start = parameters(model)
        assert has_moved(model.learn(28), start)


@pytest.mark.parametrize("policy_kwargs", [{}, {"action_distribution": "beta"}])
def test_actions_reach_the_environment_inside_its_box(policy_kwargs: dict[str, Any]) -> None:
    """The environment raises where they do not."""
    model = build(SPG, n_episodes=4, policy_kwargs={**policy_kwargs, "log_std_init": 3.0})
    assert model.learn(28).num_timesteps == 28


def test_gsde_draws_its_matrices() -> None:
    drawn = {}
    for every in (-1, 2):
        model = build(SPG, n_episodes=2, use_sde=True, sde_sample_freq=every, seed=1)
        drawn[every] = 0
        reset_noise = model.policy.reset_noise

        def counted(n_envs: int, every: int = every, reset_noise: Any = reset_noise) -> None:
            drawn[every] += 1
            reset_noise(n_envs)

        model.policy.reset_noise = counted
        model.learn(14)
    assert drawn == {-1: 1, 2: 8}


def test_a_callback_may_stop_in_the_middle() -> None:
    class Stop(BaseCallback):
        def _on_step(self) -> bool:
            return self.n_calls < 9

    model = build(SPG, n_episodes=2)
    start = parameters(model)
    assert model.learn(100, callback=Stop()).num_timesteps == 9
    assert_equal_parameters(model, start)
    # It goes on with episodes from their beginning.
    seen = Rollouts()
    model.learn(14, callback=seen, reset_num_timesteps=False)
    assert np.flatnonzero(seen.starts[0]).tolist() == [0, 7]


def reward_to_go(rewards: np.ndarray, starts: np.ndarray, gamma: float) -> np.ndarray:
    """Of one environment, step by step from the end; an episode's last step is that before a start."""
    returns = np.zeros(len(rewards))
    for t in range(len(rewards)):
        discount, last = 1.0, t
        while True:
            returns[t] += discount * rewards[last]
            last, discount = last + 1, discount * gamma
            if last == len(rewards) or starts[last]:
                break
    return returns


@pytest.mark.parametrize("truncates", [False, True])
@pytest.mark.parametrize("actions", ["box", "discrete"])
def test_plain_reinforce(actions: str, truncates: bool) -> None:
    """One step of SGD along the mean of G ∇ log π, taken apart by hand; a time limit is an end like another."""
    settings = {**REINFORCE, "gamma": 0.9, "learning_rate": 0.1}
    env = make_env(actions=actions, truncates=truncates)
    model = build(SPG, env, n_episodes=3, policy_kwargs={"optimizer_class": th.optim.SGD}, **settings)
    twin = build(SPG, make_env(actions=actions), policy_kwargs={"optimizer_class": th.optim.SGD}, **settings)
    seen = Rollouts()
    model.learn(21, callback=seen)
    buffer = model.rollout_buffer
    returns = reward_to_go(seen.rewards[0][:, 0], seen.starts[0][:, 0], 0.9)
    assert np.allclose(buffer.returns.flatten(), returns, atol=1e-5)
    observations = th.as_tensor(buffer.observations.reshape(21, -1))
    taken = th.as_tensor(buffer.actions.reshape(21, -1))
    if actions == "discrete":
        logits = twin.policy.action_net(twin.policy.mlp_extractor.forward_actor(observations))
        log_prob = F.log_softmax(logits, dim=1).gather(1, taken.long()).flatten()
    else:
        mean = twin.policy.action_net(twin.policy.mlp_extractor.forward_actor(observations))
        std = twin.policy.log_std.exp()
        log_prob = (-0.5 * ((taken - mean) / std) ** 2 - std.log() - 0.5 * np.log(2 * np.pi)).sum(dim=1)
    (th.as_tensor(returns, dtype=th.float32) * log_prob).mean().backward()
    for (name, parameter), stepped in zip(twin.policy.named_parameters(), model.policy.parameters(), strict=True):
        if parameter.grad is None:
            assert th.equal(parameter, stepped), name
        else:
            assert th.allclose(parameter + 0.1 * parameter.grad, stepped, atol=1e-6), name
            assert "value" not in name


def test_without_a_baseline_the_value_stays_zero() -> None:
    model = build(SPG, n_steps=16, baseline=False, gae_lambda=0.5)
    logged = record(model)
    model.learn(64, log_interval=1)
    assert all(not parameter.any() for parameter in model.policy.value_net.parameters())
    assert "train/value_loss" not in logged.values
    assert "train/explained_variance" not in logged.values
    # λ has no meaning there: every reward counts in full.
    assert_equal_parameters(model, parameters(build(SPG, n_steps=16, baseline=False).learn(64)))


def test_steps_of_cut_episodes_are_left_out() -> None:
    seen = Rollouts()
    build(SPG, make_vec_env(2), n_steps=16, baseline=False).learn(32, callback=seen)
    # Episodes of 5 and of 6 steps: the 16th, and the 13th to 16th, belong to episodes whose end is not known.
    assert seen.kept[0][:, 0].tolist() == [True] * 15 + [False]
    assert seen.kept[0][:, 1].tolist() == [True] * 12 + [False] * 4
    kept = Rollouts()
    build(SPG, make_vec_env(2), n_steps=16).learn(32, callback=kept)
    assert kept.kept[0].all()  # a value stands in for what is not known


@pytest.mark.parametrize("observations", ["vector", "dict"])
def test_nothing_is_learned_where_everything_is_cut(observations: str) -> None:
    env = make_env(observations, length=1000)
    model = build(SPG, env, n_steps=16, baseline=False, ent_coef="auto_0.1", policy=policy_for(observations))
    start, alpha = parameters(model), model.temperature.value(1.0)
    logged = record(model)
    model.learn(32, log_interval=1)
    assert_equal_parameters(model, start)
    assert model.temperature.value(1.0) == alpha
    assert "rollout/soft_return" not in logged.values
    assert np.isfinite(logged.values["train/entropy"][-1])


def test_one_step_is_not_whitened() -> None:
    model = build(SPG, make_env(length=1), n_episodes=1)
    start = parameters(model)
    assert has_moved(model.learn(3), start)


def test_finished() -> None:
    starts = np.array([[1, 0], [0, 0], [1, 1], [0, 0]])
    assert finished(starts, np.array([False, True])).tolist() == [
        [True, True],
        [True, True],
        [False, True],
        [False, True],
    ]
    assert not finished(np.array([[1], [0]]), np.array([False])).any()


def test_the_soft_return_of_whole_episodes() -> None:
    """What an environment does besides its share is no episode of the rollout, but ends where the next begins."""
    model = build(SPG, make_vec_env(3), n_episodes=4, ent_coef=0.1, policy_kwargs={"std_scheme": "fixed"})
    logged = record(model)
    model.learn(90, log_interval=1)
    bonus = logged.values["rollout/soft_return"][-1] - logged.values["rollout/ep_rew_mean"][-1]
    per_step = 0.1 * np.log(2 * np.pi * np.e)
    # Every finished episode counts, as it does in ep_rew_mean.
    assert bonus == pytest.approx(per_step * logged.values["rollout/ep_len_mean"][-1], rel=1e-4)


def test_n_episodes_survives_saving(tmp_path: Any) -> None:
    build(SPG, n_episodes=2, baseline=False).save(tmp_path / "spg")
    model = SPG.load(tmp_path / "spg", env=make_env(), device="cpu")
    assert (model.n_episodes, model.baseline) == (2, False)
    seen = Rollouts()
    model.learn(14, callback=seen)
    assert seen.rewards[0].shape == (14, 1)
    assert not any(parameter.requires_grad for parameter in model.policy.value_net.parameters())


def test_a_linear_policy_of_fixed_sigma_takes_the_step_of_reinforce() -> None:
    """W ← W + η/T Σ G_t (a_t − μ_t) s_tᵀ/σ² and b likewise (Williams 1992), by NumPy, as in Ahmed et al. 2019."""
    policy_kwargs = {
        "net_arch": [],
        "std_scheme": "fixed",
        "log_std_init": np.log(0.1),
        "optimizer_class": th.optim.SGD,
    }
    settings = {**REINFORCE, "gamma": 0.9, "learning_rate": 1e-4, "policy_kwargs": policy_kwargs}
    model = build(SPG, make_env(), n_episodes=3, **settings)
    W, b = (tensor.detach().double().numpy().copy() for tensor in model.policy.action_net.parameters())
    seen = Rollouts()
    model.learn(21, callback=seen)
    buffer = model.rollout_buffer
    s, a = (array.reshape(21, -1).astype(np.float64) for array in (buffer.observations, buffer.actions))
    G = reward_to_go(seen.rewards[0][:, 0], seen.starts[0][:, 0], 0.9)
    score = (a - (s @ W.T + b)) / 0.1**2
    after = [tensor.detach().double().numpy() for tensor in model.policy.action_net.parameters()]
    np.testing.assert_allclose(after[0] - W, 1e-4 * (G[:, None] * score).T @ s / 21, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(after[1] - b, 1e-4 * (G[:, None] * score).mean(axis=0), rtol=1e-3, atol=1e-6)
    assert np.abs(after[0] - W).max() > 1e-4
