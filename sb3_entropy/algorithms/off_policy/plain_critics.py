"""The critics of SAC-AdaEnt that know no entropy."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.sac.policies import SACPolicy

from sb3_entropy.algorithms.off_policy.targeted import Targeted

#: what their loss is called in the log
NAME = "plain_critic_loss"
#: what is saved of them beside what SAC saves
PLAIN = ("plain_critic", "plain_critic_target", "plain_critic.optimizer")


def own_seed(seed: int | None, purpose: int) -> int:
    """
    :param seed: the model's
    :param purpose: what it is for, so that two generators of a model differ
    :return: a seed of a generator beside the global ones; another one each time where the model has none
    """
    entropy = np.random.SeedSequence(seed, spawn_key=(purpose,))
    return int(entropy.generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def own_generators(device: th.device, seed: int | None = None) -> Iterator[None]:
    """
    PyTorch's global generators are what they were afterwards, those of the device too.

    :param device: the model's
    :param seed: theirs in between; None to go on from where they are
    """
    with th.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        if seed is not None:
            th.manual_seed(seed)
        yield


def make_plain_critics(policy: SACPolicy, lr_schedule: Schedule, seed: int) -> Targeted:
    """
    Critics like the policy's, with an optimiser like theirs. The global generators stay where they are.

    :param policy: SAC's
    :param lr_schedule: the step size
    :param seed: of their parameters
    :return: critics and targets, which begin alike
    """
    with own_generators(policy.device, seed):
        extractor = policy.actor.features_extractor if policy.share_features_extractor else None
        online, target = policy.make_critic(features_extractor=extractor), policy.make_critic()
    target.load_state_dict(online.state_dict())
    target.set_training_mode(False)
    learned = [
        parameter
        for name, parameter in online.named_parameters()
        if not (policy.share_features_extractor and "features_extractor" in name)
    ]
    make: Any = policy.optimizer_class
    online.optimizer = make(learned, lr=lr_schedule(1), **policy.optimizer_kwargs)
    return Targeted(NAME, online, target)


def copy_soft_critics(policy: SACPolicy, plain: Targeted) -> None:
    """
    :param policy: whose critics, and their targets, are copied
    :param plain: what they are written into
    """
    pairs: list[tuple[ContinuousCritic, ContinuousCritic]] = [
        (policy.critic, plain.online),
        (policy.critic_target, plain.target),
    ]
    for soft, own in pairs:
        own.load_state_dict(soft.state_dict())
