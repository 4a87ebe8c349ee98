"""
Search spaces for ``train -optimize``: rl-zoo's own for the parent algorithm, and what is ours.

A sampler draws from an Optuna trial; a converter turns what was drawn into hyperparameters, there and when a study is
read again (``--trial-id``). Both go through a family's ``convert``, so they cannot disagree. rl-zoo replaces the
preset's whole ``policy_kwargs`` by the sampled ones; :func:`merge_policy_kwargs` keeps what was not sampled.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import optuna
from rl_zoo3.hyperparams_opt import convert_offpolicy_params, convert_onpolicy_params, sample_her_params

from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.presets.stock import is_off_policy
from sb3_entropy.registry import ALGORITHMS, STD_SCHEMES

Sampler = Callable[[optuna.Trial, int, int, dict[str, Any]], dict[str, Any]]
Converter = Callable[[Mapping[str, Any]], dict[str, Any]]

ACTIVATIONS = ("tanh", "relu")


@dataclass(frozen=True)
class Family:
    """
    What the algorithms of a family draw, all of them, and how it becomes arguments.

    :param shared: by rl-zoo's spellings, which its converter reads
    :param draw: what depends on the preset: of a trial, the number of action dimensions and rl-zoo's arguments
    :param convert: a trial's parameters, as Optuna stores them, to the algorithm's arguments
    """

    shared: SearchSpace
    draw: Callable[[optuna.Trial, int, Mapping[str, Any]], dict[str, Any]]
    convert: Converter


def _with_temperature(drawn: dict[str, Any], tunable: bool = True) -> dict[str, Any]:
    """:return: what was drawn, with ``ent_coef`` in the place of a number and whether α begins there and is tuned"""
    if drawn.pop("ent_coef_auto", False) and tunable:
        drawn["ent_coef"] = f"auto_{drawn['ent_coef']:.6g}"
    return drawn


def merge_policy_kwargs(preset: Mapping[str, Any] | None, sampled: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param preset: the preset's ``policy_kwargs``
    :param sampled: a trial's
    :return: both, the trial's over the preset's; options of a std scheme that the trial has replaced are left out
    """
    kept = dict(preset or {})
    if sampled.get("std_scheme") not in (None, kept.get("std_scheme", "global")):
        kept.pop("std_scheme_kwargs", None)
    return {**kept, **sampled}


# ------------------------------------------------------------------ on-policy


def _draw_std_scheme(trial: optuna.Trial, n_actions: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Where there is one to choose: of Gaussians without gSDE."""
    preset = given.get("preset", {})
    distribution = (preset.get("policy_kwargs") or {}).get("action_distribution", "gaussian")
    if n_actions > 0 and not preset.get("use_sde") and distribution != "beta":
        return {"std_scheme": trial.suggest_categorical("std_scheme", STD_SCHEMES.keys())}
    return {}


def convert_on_policy(params: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param params: a trial's parameters, as Optuna stores them
    :return: the algorithm's arguments; ``policy_kwargs`` holds the sampled ones alone
    """
    drawn = dict(params)
    std_scheme = drawn.pop("std_scheme", None)
    # The entropy of the scheme "fixed" is what it is: there is nothing to tune.
    arguments: dict[str, Any] = convert_onpolicy_params(_with_temperature(drawn, std_scheme != "fixed"))
    if std_scheme is not None:
        arguments["policy_kwargs"]["std_scheme"] = std_scheme
    return arguments


ON_POLICY = Family(
    {
        "one_minus_gamma": Between(0.0001, 0.1, log=True),
        "one_minus_gae_lambda": Between(0.0001, 0.2, log=True),
        "learning_rate": Between(1e-5, 2e-3, log=True),
        "net_arch": ("tiny", "small", "medium"),
        "activation_fn": ACTIVATIONS,
        "ent_coef": Between(1e-5, 0.3, log=True),
        "ent_coef_auto": (False, True),
        "soft_gradient": ("entropy", "log_prob"),
    },
    _draw_std_scheme,
    convert_on_policy,
)


# ------------------------------------------------------------------ off-policy

_HER = ("n_sampled_goal", "goal_selection_strategy")


def _draw_her(trial: optuna.Trial, n_actions: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """rl-zoo's draws for a HerReplayBuffer, where the preset has one."""
    if not given.get("using_her_replay_buffer"):
        return {}
    drawn = sample_her_params(trial, {}, dict(given.get("her_kwargs") or {}))
    return {"replay_buffer_kwargs": drawn["replay_buffer_kwargs"]}


def convert_off_policy(params: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param params: a trial's parameters, as Optuna stores them
    :return: the algorithm's arguments, as many gradient steps as steps of one environment; ``policy_kwargs`` holds the
        sampled ones alone
    """
    drawn = _with_temperature(dict(params))
    her = {name: drawn.pop(name) for name in _HER if name in drawn}
    arguments: dict[str, Any] = convert_offpolicy_params(drawn)
    if her:
        arguments["replay_buffer_kwargs"] = {**arguments.get("replay_buffer_kwargs", {}), **her}
    return arguments


#: rl-zoo's for SAC, and besides it the temperature and how many steps are random
OFF_POLICY = Family(
    {
        "one_minus_gamma": Between(0.0001, 0.03, log=True),
        "learning_rate": Between(1e-5, 2e-3, log=True),
        "batch_size_pow": Between(2, 11),
        "train_freq": Between(1, 10),
        "tau": Between(0.001, 0.08, log=True),
        "learning_starts": (100, 1000, 10000),
        "net_arch": ("small", "medium", "big"),
        "ent_coef": Between(1e-3, 1.0, log=True),
        "ent_coef_auto": (False, True),
    },
    _draw_her,
    convert_off_policy,
)


# ------------------------------------------------------------------ both


def _drawn_from(trial: optuna.Trial, space: SearchSpace) -> dict[str, Any]:
    drawn: dict[str, Any] = {}
    for name, values in space.items():
        if not isinstance(values, Between):
            drawn[name] = trial.suggest_categorical(name, values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            drawn[name] = trial.suggest_int(name, values.low, values.high, log=values.log)
        else:
            drawn[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
    return drawn


def _within_buffer(space: SearchSpace, preset: Mapping[str, Any], n_envs: int) -> SearchSpace:
    """:return: the space, with no batch that the preset's replay buffer has no room for: every trial can be made"""
    room, batches = preset.get("buffer_size"), space.get("batch_size_pow")
    if room is None or not isinstance(batches, Between):
        return space
    most = max(int(batches.low), min(int(batches.high), (int(room) // n_envs * n_envs).bit_length() - 1))
    return {**space, "batch_size_pow": replace(batches, high=most)}


def _sample(
    family: Family,
    own: SearchSpace,
    trial: optuna.Trial,
    n_actions: int,
    n_envs: int,
    additional_args: dict[str, Any],
) -> dict[str, Any]:
    """
    :param family: the algorithm's
    :param own: what the algorithm alone has
    :param trial: the trial to draw from
    :param n_actions: dimensions of a Box of actions, otherwise 0
    :param n_envs: how many environments share a replay buffer
    :param additional_args: rl-zoo's, and ``preset``: the hyperparameters that the trial changes
    :return: the trial's arguments, its ``policy_kwargs`` merged into the preset's
    """
    preset = additional_args.get("preset", {})
    space = {**_within_buffer(family.shared, preset, n_envs), **own}
    drawn = {**_drawn_from(trial, space), **family.draw(trial, n_actions, additional_args)}
    trial.set_user_attr("gamma", 1 - drawn["one_minus_gamma"])
    for name in ("n_steps", "batch_size"):
        if f"{name}_pow" in drawn:
            trial.set_user_attr(name, 2 ** drawn[f"{name}_pow"])
    arguments = family.convert(drawn)
    arguments["policy_kwargs"] = merge_policy_kwargs(preset.get("policy_kwargs"), arguments["policy_kwargs"])
    return arguments


def _family(algorithm: type[Any]) -> Family:
    return OFF_POLICY if is_off_policy(algorithm) else ON_POLICY


_SEARCHED = {key: algorithm for key, algorithm in ALGORITHMS.items() if hasattr(algorithm, "search_space")}
#: of every algorithm that says what its own arguments are drawn from, whoever wrote it
SAMPLERS: dict[str, Sampler] = {
    key: partial(_sample, _family(algorithm), algorithm.search_space) for key, algorithm in _SEARCHED.items()
}
CONVERTERS: dict[str, Converter] = {key: _family(algorithm).convert for key, algorithm in _SEARCHED.items()}
