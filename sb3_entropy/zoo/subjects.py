"""Somebody's agent as the subject of a probe of Q: with the replay buffer of its run, or playing in its environment."""

from pathlib import Path
from typing import Any

import gymnasium as gym

from sb3_entropy.environments import find_env
from sb3_entropy.landscape.q.making import subject_of_model
from sb3_entropy.landscape.q.subject import Subject
from sb3_entropy.unpickling.saved_buffer import load_buffer
from sb3_entropy.zoo.checkpoints import find_replay_buffer
from sb3_entropy.zoo.looking import Looker, WrappedEnv


def subject_of_looker(
    looker: Looker,
    *,
    replay_buffer: Path | None = None,
    fresh: bool = False,
    trust: bool = False,
    **options: Any,
) -> Subject:
    """
    :param looker: an agent, in its environment, under its statistics
    :param replay_buffer: the file of its replay buffer; None for the one beside the agent, if there is one:
        a checkpoint's own, or ``replay_buffer.pkl``
    :param fresh: whether to leave a buffer beside it alone
    :param trust: whether what is in the buffer's file may be executed
    :param options: further arguments of :func:`~sb3_entropy.landscape.q.making.subject_of_model`
    :return: the subject
    :raises FileNotFoundError: if a buffer was named that is not there
    :raises UntrustedError: if its file holds what could be executed, without trust
    :raises ValueError: see :func:`~sb3_entropy.landscape.q.making.subject_of_model`; if a buffer is named that is to
        be left alone
    """
    if fresh and replay_buffer is not None:
        raise ValueError(
            f"The replay buffer {replay_buffer} was named, and that there be none, --fresh. Leave one of them out."
        )
    file = None if fresh else replay_buffer or find_replay_buffer(looker.file)
    buffer = None if file is None else load_buffer(file, trust)
    env = _maker(looker)
    found = {"env": env, "replay_buffer": buffer, "normalize": looker.normalize, "reward_scale": looker.reward_scale}
    name = f"{type(looker.model).__name__} on {looker.env}, step {looker.step:,}"
    return subject_of_model(looker.model, **{**found, "name": name, **options})


def _maker(looker: Looker) -> Any:
    if looker.wrapping is not None:
        return WrappedEnv(looker.env, looker.env_kwargs, looker.wrapping)
    return lambda: gym.make(find_env(looker.env), **looker.env_kwargs)
