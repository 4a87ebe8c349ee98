"""
Search spaces for ``train -optimize``: rl-zoo's own for the parent algorithm, and what is ours.

A sampler draws from an Optuna trial; a converter turns what was drawn into hyperparameters, there and when a study is
read again (``--trial-id``). Both go through :func:`convert`, so they cannot disagree. rl-zoo replaces the preset's
whole ``policy_kwargs`` by the sampled ones; :func:`merge_policy_kwargs` keeps what was not sampled.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import optuna
from rl_zoo3.hyperparams_opt import convert_onpolicy_params

from sb3_entropy.algorithms.common.search import Between, SearchSpace
from sb3_entropy.registry import ALGORITHMS, STD_SCHEMES

Sampler = Callable[[optuna.Trial, int, int, dict[str, Any]], dict[str, Any]]

NETS = ("tiny", "small", "medium")
ACTIVATIONS = ("tanh", "relu")


def convert(params: Mapping[str, Any]) -> dict[str, Any]:
    """
    :param params: a trial's parameters, as Optuna stores them
    :return: the algorithm's arguments; ``policy_kwargs`` holds the sampled ones alone
    """
    drawn = dict(params)
    std_scheme = drawn.pop("std_scheme", None)
    # The entropy of the scheme "fixed" is what it is: there is nothing to tune.
    if drawn.pop("ent_coef_auto", False) and std_scheme != "fixed":
        drawn["ent_coef"] = f"auto_{drawn['ent_coef']:.6g}"
    arguments: dict[str, Any] = convert_onpolicy_params(drawn)
    if std_scheme is not None:
        arguments["policy_kwargs"]["std_scheme"] = std_scheme
    return arguments


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


def _sample_shared(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "one_minus_gamma": trial.suggest_float("one_minus_gamma", 0.0001, 0.1, log=True),
        "one_minus_gae_lambda": trial.suggest_float("one_minus_gae_lambda", 0.0001, 0.2, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 1e-5, 2e-3, log=True),
        "net_arch": trial.suggest_categorical("net_arch", NETS),
        "activation_fn": trial.suggest_categorical("activation_fn", ACTIVATIONS),
    }


def _sample_entropy(trial: optuna.Trial, n_actions: int, preset: Mapping[str, Any]) -> dict[str, Any]:
    """What is ours. The std scheme is drawn where there is one to choose: Gaussians without gSDE."""
    drawn = {
        "ent_coef": trial.suggest_float("ent_coef", 1e-5, 0.3, log=True),
        "ent_coef_auto": trial.suggest_categorical("ent_coef_auto", [False, True]),
        "soft_gradient": trial.suggest_categorical("soft_gradient", ["entropy", "log_prob"]),
    }
    distribution = (preset.get("policy_kwargs") or {}).get("action_distribution", "gaussian")
    if n_actions > 0 and not preset.get("use_sde") and distribution != "beta":
        drawn["std_scheme"] = trial.suggest_categorical("std_scheme", STD_SCHEMES.keys())
    return drawn


def _sample_own(trial: optuna.Trial, space: SearchSpace) -> dict[str, Any]:
    """What the algorithm alone has."""
    drawn: dict[str, Any] = {}
    for name, values in space.items():
        if not isinstance(values, Between):
            drawn[name] = trial.suggest_categorical(name, values)
        elif isinstance(values.low, int) and isinstance(values.high, int):
            drawn[name] = trial.suggest_int(name, values.low, values.high, log=values.log)
        else:
            drawn[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
    return drawn


def _sample(
    space: SearchSpace,
    trial: optuna.Trial,
    n_actions: int,
    n_envs: int,
    additional_args: dict[str, Any],
) -> dict[str, Any]:
    """
    :param space: of the algorithm's own arguments
    :param trial: the trial to draw from
    :param n_actions: dimensions of a Box of actions, otherwise 0
    :param n_envs: unused; rl-zoo's samplers have this signature
    :param additional_args: ``preset``: the hyperparameters that the trial changes
    :return: the trial's arguments, its ``policy_kwargs`` merged into the preset's
    """
    preset = additional_args.get("preset", {})
    drawn = {**_sample_shared(trial), **_sample_own(trial, space), **_sample_entropy(trial, n_actions, preset)}
    trial.set_user_attr("gamma", 1 - drawn["one_minus_gamma"])
    trial.set_user_attr("n_steps", 2 ** drawn["n_steps_pow"])
    arguments = convert(drawn)
    arguments["policy_kwargs"] = merge_policy_kwargs(preset.get("policy_kwargs"), arguments["policy_kwargs"])
    return arguments


#: of every algorithm that says what its own arguments are drawn from, whoever wrote it
SAMPLERS: dict[str, Sampler] = {
    key: partial(_sample, algorithm.search_space)
    for key, algorithm in ALGORITHMS.items()
    if hasattr(algorithm, "search_space")
}
