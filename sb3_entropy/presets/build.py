"""A training without a log folder: an algorithm, its environments and its model, from a preset's plain values."""

from collections.abc import Callable, Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv, VecFrameStack, VecMonitor, VecNormalize

from sb3_entropy.algorithms.common.arguments import SCHEDULES
from sb3_entropy.environments import find_env
from sb3_entropy.errors import check_choice, unknown
from sb3_entropy.presets.check import ZOO_KEYS
from sb3_entropy.presets.names import resolve_names
from sb3_entropy.presets.stock import STOCK, is_off_policy, off_policy_arguments
from sb3_entropy.presets.wrappers import env_wrapper
from sb3_entropy.registry import ALGORITHMS
from sb3_entropy.vec_env.envpool import EnvPoolVecEnv
from sb3_entropy.vec_env.native import make_native_vec_env

VEC_ENVS = ("dummy", "native", "envpool")
#: rl-zoo's keys that this cannot honour
UNSUPPORTED = ("callback", "vec_env_wrapper")


def find_algorithm(key: str) -> type[Any]:
    """
    :param key: one of ours, a third party's, or a stock algorithm's
    :return: its class
    :raises ValueError: if there is none of that name
    """
    if key in STOCK:
        return STOCK[key]
    if key not in ALGORITHMS:
        raise ValueError(unknown("algorithm", key, [*ALGORITHMS.keys(), *STOCK]))
    algorithm: type[Any] = ALGORITHMS.get(key)
    return algorithm


def make_envs(
    env_id: str,
    hyperparams: Mapping[str, Any],
    seed: int,
    env_kwargs: Mapping[str, Any] | None = None,
    *,
    kind: str = "dummy",
    n_envs: int | None = None,
    evaluation: bool = False,
) -> VecEnv:
    """
    :param env_id: the environment
    :param hyperparams: a preset's values, of which ``n_envs``, ``normalize``, ``frame_stack``, ``env_wrapper``,
        ``env_kwargs`` and ``monitor_kwargs`` are used
    :param seed: copy i of the environment is seeded with seed + i
    :param env_kwargs: the environment's settings, over the preset's
    :param kind: ``"dummy"``, ``"native"`` or ``"envpool"``
    :param n_envs: how many copies; the preset's number if ``None``
    :param evaluation: whether rewards and the statistics of observations are to be left as they are
    :return: the copies, with episode statistics, wrapped as the preset says
    :raises ValueError: if the environment or the kind is unknown
    """
    check_choice("vec_env", kind, VEC_ENVS)
    find_env(env_id)
    copies = n_envs if n_envs is not None else int(hyperparams.get("n_envs", 1))
    settings = {**(hyperparams.get("env_kwargs") or {}), **(env_kwargs or {})}
    wrapper = env_wrapper(hyperparams.get("env_wrapper"))
    if kind == "dummy":
        monitor = resolve_names(hyperparams).get("monitor_kwargs") or {}
        env = make_vec_env(env_id, copies, seed, wrapper_class=wrapper, env_kwargs=settings, monitor_kwargs=monitor)
    else:
        if wrapper is not None:
            raise ValueError(f"env_wrapper wraps single Gymnasium environments, and vec_env: {kind} has none.")
        make: Callable[..., VecEnv] = EnvPoolVecEnv if kind == "envpool" else make_native_vec_env
        env = VecMonitor(make(env_id, copies, seed, **settings))
    if hyperparams.get("frame_stack"):
        env = VecFrameStack(env, int(hyperparams["frame_stack"]))
    normalize = hyperparams.get("normalize", False)
    if normalize:
        options = dict(normalize) if isinstance(normalize, Mapping) else {}
        if "gamma" in hyperparams:
            options.setdefault("gamma", hyperparams["gamma"])
        env = VecNormalize(env, **options)
        if evaluation:
            env.training, env.norm_reward = False, False
    return env


def make_model(
    algo: str, env: VecEnv, hyperparams: Mapping[str, Any], seed: int, longest: int | None = None
) -> BaseAlgorithm:
    """
    :param algo: the algorithm's key
    :param env: the environments, see :func:`make_envs`
    :param hyperparams: a preset's values
    :param seed: the model's seed
    :param longest: the most steps that it will be trained for, if that is known: no more memory is taken
    :return: an untrained model on the CPU
    """
    algorithm = find_algorithm(algo)
    given = {key: value for key, value in resolve_names(hyperparams).items() if key not in ZOO_KEYS - {"policy_kwargs"}}
    for key in SCHEDULES:
        if isinstance(given.get(key), str):
            given[key] = LinearSchedule(float(given[key].removeprefix("lin_")), 0.0, 1.0)
    if given.get("policy_kwargs") is None:
        given.pop("policy_kwargs", None)
    if is_off_policy(algorithm):
        given = off_policy_arguments(algorithm, given, env, longest)
    given.setdefault("device", "cpu")
    model: BaseAlgorithm = algorithm(hyperparams.get("policy", "MlpPolicy"), env, seed=seed, **given)
    return model
