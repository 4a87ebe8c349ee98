"""What ``--vec-env envpool`` and ``native`` put in the place of rl-zoo's batches of Gymnasium environments."""

from collections.abc import Sequence
from typing import Any

from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from sb3_entropy.errors import check_choice
from sb3_entropy.vec_env.envpool import EnvPoolVecEnv
from sb3_entropy.vec_env.native import make_native_vec_env

GYMNASIUM = ("dummy", "subproc")
BATCHED = ("envpool", "native")


def check_batched(kind: str, env_wrapper: Any, monitor_kwargs: dict[str, Any]) -> None:
    """
    :param kind: ``"envpool"`` or ``"native"``
    :param env_wrapper: the preset's wrapper of single environments
    :param monitor_kwargs: the preset's settings of the monitor
    :raises ValueError: if something is asked for that exists for single environments alone
    """
    if env_wrapper is not None:
        raise ValueError(
            f"env_wrapper wraps single Gymnasium environments, and --vec-env {kind} has none. Switch it off with "
            "-params env_wrapper:None (for Atari frame_stack:None as well: envpool stacks and shrinks frames itself), "
            "or use --vec-env dummy or subproc."
        )
    foreign = sorted(set(monitor_kwargs) - {"info_keywords"})
    if foreign:
        raise ValueError(
            f"monitor_kwargs has {', '.join(foreign)}, but with --vec-env {kind} only info_keywords is known. "
            "Leave the others out, or use --vec-env dummy or subproc."
        )


def make_batch(
    env_fns: Sequence[Any],
    *,
    kind: str,
    env_id: str,
    seed: int | None,
    env_kwargs: dict[str, Any],
    monitor_file: str | None,
    info_keywords: tuple[str, ...],
) -> VecEnv:
    """
    A batch with episode statistics, called by rl-zoo in the place of ``DummyVecEnv``.

    :param env_fns: rl-zoo's functions that would make single environments: as many as the batch is to hold
    :param kind: ``"envpool"`` or ``"native"``
    :param env_id: the environment
    :param seed: the first environment's seed
    :param env_kwargs: the environment's settings
    :param monitor_file: where to write the episodes' returns; nowhere if ``None``
    :param info_keywords: what to write of the last step's info
    :return: the batch, under a ``VecMonitor``
    """
    check_choice("vec_env", kind, BATCHED)
    make = EnvPoolVecEnv if kind == "envpool" else make_native_vec_env
    return VecMonitor(make(env_id, len(env_fns), seed, **env_kwargs), monitor_file, info_keywords)
