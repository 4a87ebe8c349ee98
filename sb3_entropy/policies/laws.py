"""What any policy would do in a batch of states, as a law: one seam for every family of algorithms."""

import copy
from typing import Any, TypeGuard

import torch as th
from sb3_contrib.crossq.policies import CrossQPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy
from sb3_contrib.tqc.policies import TQCPolicy
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.dqn.policies import DQNPolicy
from stable_baselines3.sac.policies import SACPolicy
from stable_baselines3.td3.policies import TD3Policy

from sb3_entropy.distributions.laws import Dirac, Finite, Law, law_of
from sb3_entropy.distributions.laws.bounded import stretch
from sb3_entropy.distributions.laws.generic import box_of
from sb3_entropy.policies.compiled import uncompiled

#: an actor that draws from a squashed Gaussian
SQUASHED = (SACPolicy, TQCPolicy, CrossQPolicy)
#: the action of the greatest value
GREEDY = (DQNPolicy, QRDQNPolicy)


def law_at(policy: BasePolicy, observations: Any) -> Law:
    """
    π(·|s) in B states, as the policy is now: in which mode, and with gradients or not, is the caller's choice, see
    :func:`~sb3_entropy.policies.looking.looked_at`. Exploration that is the algorithm's, such as the noise of TD3 and
    the ε of DQN, is no part of the policy.

    :param policy: an actor-critic policy without memory (PPO, A2C, TRPO, this package's), that of SAC, TQC or CrossQ
        (a squashed Gaussian), of TD3 or DDPG (:class:`~sb3_entropy.distributions.laws.Dirac`, whose entropy is −∞),
        or of DQN or QR-DQN (a sure choice, whose entropy is 0); compiled or not
    :param observations: B states, as tensors: what the policy sees
    :return: the law, densities in the environment's units; with gSDE it is the law of an action whose exploration
        matrix is not known
    :raises TypeError: if the policy has no law at an observation
    """
    distribution = distribution_at(policy, observations)
    if distribution is not None:
        return law_of(distribution, policy.action_space)
    return _of_one_action(uncompiled(policy), observations)


def distribution_at(policy: BasePolicy, observations: Any) -> Distribution | None:
    """
    :param policy: a policy, see :func:`law_at`
    :param observations: B states, as tensors
    :return: the distribution of its action in Stable-Baselines3's interface; None if it is deterministic
    :raises TypeError: if the policy has no law at an observation
    """
    check_has_law(policy)
    policy = uncompiled(policy)
    if isinstance(policy, ActorCriticPolicy):
        return policy.get_distribution(observations)
    if isinstance(policy, SQUASHED):
        mean, log_std, more = policy.actor.get_action_dist_params(observations)
        distribution: Distribution = copy.copy(policy.actor.action_dist)
        return distribution.proba_distribution(mean, log_std, **more)
    return None


def has_law(policy: BasePolicy) -> bool:
    """
    :param policy: a policy
    :return: whether :func:`law_at` can say what it would do
    """
    policy = uncompiled(policy)
    return isinstance(policy, (*SQUASHED, TD3Policy, *GREEDY)) or is_actor_critic(policy)


def check_has_law(policy: BasePolicy) -> None:
    """
    :param policy: a policy
    :raises TypeError: if :func:`law_at` cannot say what it would do
    """
    if not has_law(policy):
        raise TypeError(
            "The policy must act by the observation alone, as an actor-critic policy (PPO, A2C, TRPO, this package's) "
            "does and that of SAC, TQC, CrossQ, TD3, DDPG, DQN or QR-DQN, but "
            f"{type(uncompiled(policy)).__name__} was given, which is none of them: it may go by a memory or a mask."
        )


def is_actor_critic(policy: BasePolicy) -> TypeGuard[ActorCriticPolicy]:
    """
    :param policy: a policy
    :return: whether it is Stable-Baselines3's on-policy policy, and acts by the observation alone
    """
    return isinstance(policy, ActorCriticPolicy) and not hasattr(policy, "lstm_actor")


def _of_one_action(policy: BasePolicy, observations: Any) -> Law:
    if isinstance(policy, TD3Policy):
        actions = policy.actor(observations)
        low, high = box_of(policy.action_space, actions)
        return Dirac(stretch((actions + 1) / 2, low, high), low, high)
    assert isinstance(policy, GREEDY)
    chosen = policy._predict(observations, deterministic=True).long().reshape(-1, 1)
    n_actions = int(policy.action_space.n)  # type: ignore[attr-defined]
    impossible = th.full((len(chosen), n_actions), -th.inf, device=chosen.device)
    return Finite((impossible.scatter(1, chosen, 0.0),))
