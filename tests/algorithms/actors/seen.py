"""What a callback of the learner sees of a rollout, and what an update makes of it, in plain loops."""

import copy
import math
from typing import Any, NamedTuple

import numpy as np
import torch as th
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy


class Step(NamedTuple):
    """A step of N environments, as a callback sees it."""

    observations: Any
    actions: np.ndarray
    rewards: np.ndarray
    dones: np.ndarray
    infos: list[dict[str, Any]]
    log_probs: np.ndarray
    values: np.ndarray
    following: Any


class Rollouts(BaseCallback):
    """
    Keeps every rollout, and the policy that is about to learn from it.

    :param keeps_policies: whether it does the latter
    """

    def __init__(self, *, keeps_policies: bool = True) -> None:
        super().__init__()
        self.keeps_policies = keeps_policies
        self.rollouts: list[list[Step]] = []
        self.policies: list[ActorCriticPolicy] = []

    def _on_rollout_start(self) -> None:
        self.rollouts.append([])

    def _on_step(self) -> bool:
        seen = self.locals
        self.rollouts[-1].append(
            Step(
                seen["obs_tensor"],
                seen["actions"].copy(),
                seen["rewards"].copy(),
                seen["dones"].copy(),
                seen["infos"],
                seen["log_probs"].numpy().copy(),
                seen["values"].flatten().numpy().copy(),
                seen["new_obs"],
            )
        )
        return True

    def _on_rollout_end(self) -> None:
        if self.keeps_policies:
            self.policies.append(copy.deepcopy(self.model.policy))  # type: ignore[arg-type]


class Update(NamedTuple):
    """
    What an update is by hand.

    :param gradient: ∂L/∂θ, by name
    :param ratios: π/μ of every transition
    :param of_time_limits: V of the last observations of episodes that a time limit has ended, the learner's
    """

    gradient: dict[str, th.Tensor]
    ratios: list[float]
    of_time_limits: list[float]


def update_by_hand(
    policy: ActorCriticPolicy,
    rollout: list[Step],
    *,
    alpha: float,
    gamma: float,
    lam: float,
    rho_bar: float,
    c_bar: float,
    pg_rho_bar: float,
    vf_coef: float,
    advantage: str,
    soft_gradient: str,
    corrects: bool,
) -> Update:
    """
    Espeholt et al. 2018, Eq. 1 and Section 4.2, in double precision, of r + αH, step by step from the last.

    :param policy: the learner's
    :param rollout: its steps
    :return: the gradient of the loss
    """
    losses: list[th.Tensor] = []
    ratios, of_time_limits = [], []

    def value_of(observation: Any) -> float:
        with th.no_grad():
            return float(policy.predict_values(policy.obs_to_tensor(observation)[0]))

    for env in range(len(rollout[0].rewards)):
        target_after = value_after = value_of(_row(rollout[-1].following, env))
        for step in reversed(rollout):
            observation = (
                {k: o[env : env + 1] for k, o in step.observations.items()}
                if isinstance(step.observations, dict)
                else step.observations[env : env + 1]
            )
            action = th.as_tensor(step.actions[env : env + 1])
            action = action.float() if action.dtype == th.int8 else action  # choices of bits
            values, log_probs, entropies = policy.evaluate_actions(observation, action)
            value, log_prob, entropy = values.squeeze(), log_probs.squeeze(), entropies.squeeze()  # type: ignore[union-attr]
            ratio = math.exp(log_prob.item() - float(step.log_probs[env])) if corrects else 1.0
            ratios.append(ratio)
            reward = float(step.rewards[env]) + alpha * entropy.item()
            if step.dones[env]:
                target_after = value_after = 0.0
                if step.infos[env].get("TimeLimit.truncated"):
                    of_time_limits.append(value_of(step.infos[env]["terminal_observation"]))
                    target_after = value_after = of_time_limits[-1]
            delta = min(rho_bar, ratio) * (reward + gamma * value_after - value.item())
            # After an episode's end there is no correction of the next one's.
            goes_on = 0.0 if step.dones[env] else 1.0
            trace = gamma * lam * min(c_bar, ratio) * goes_on
            target = value.item() + delta + trace * (target_after - value_after)
            if advantage == "impala":
                weight = min(pg_rho_bar, ratio)
                found = weight * (reward + gamma * target_after - value.item())
            else:
                weight = min(rho_bar, ratio)
                found = target - value.item()
            if soft_gradient == "log_prob":
                found -= alpha * weight * log_prob.item()
            loss = -found * log_prob + vf_coef * (target - value) ** 2
            losses.append(loss - alpha * entropy if soft_gradient == "entropy" else loss)
            target_after, value_after = target, value.item()
    policy.zero_grad()
    th.stack(losses).mean().backward()
    gradient = {name: p.grad for name, p in policy.named_parameters() if p.grad is not None}
    return Update(gradient, ratios, of_time_limits)


def _row(observations: Any, env: int) -> Any:
    return {k: o[env] for k, o in observations.items()} if isinstance(observations, dict) else observations[env]
