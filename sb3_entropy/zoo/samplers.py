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

from sb3_entropy.registry import STD_SCHEMES

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


def _sample_spg(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "n_steps_pow": trial.suggest_int("n_steps_pow", 7, 12),
        "max_grad_norm": trial.suggest_float("max_grad_norm", 0.3, 2),
    }


def _sample_divergence_reg_pg(trial: optuna.Trial) -> dict[str, Any]:
    """SPG's, whether there is a baseline, and λ."""
    return {
        **_sample_spg(trial),
        "coef": trial.suggest_float("coef", 1e-5, 1.0, log=True),
        "normalize_advantage": trial.suggest_categorical("normalize_advantage", [False, True]),
        "baseline": trial.suggest_categorical("baseline", [False, True]),
    }


def _sample_sa2c(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "n_steps_pow": trial.suggest_int("n_steps_pow", 3, 9),
        "max_grad_norm": trial.suggest_float("max_grad_norm", 0.3, 2),
        "normalize_advantage": trial.suggest_categorical("normalize_advantage", [False, True]),
    }


def _sample_sppo(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "batch_size_pow": trial.suggest_int("batch_size_pow", 5, 10),
        "n_steps_pow": trial.suggest_int("n_steps_pow", 5, 12),
        "clip_range": trial.suggest_categorical("clip_range", [0.1, 0.2, 0.3, 0.4]),
        "n_epochs": trial.suggest_categorical("n_epochs", [1, 5, 10, 20]),
        "max_grad_norm": trial.suggest_float("max_grad_norm", 0.3, 2),
    }


def _sample_strpo(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "batch_size_pow": trial.suggest_int("batch_size_pow", 5, 10),
        "n_steps_pow": trial.suggest_int("n_steps_pow", 5, 12),
        "n_critic_updates": trial.suggest_int("n_critic_updates", 5, 30),
        "cg_max_steps": trial.suggest_int("cg_max_steps", 5, 30),
        "target_kl": trial.suggest_float("target_kl", 0.001, 0.1, log=True),
    }


def _sample(
    own: Callable[[optuna.Trial], dict[str, Any]],
    trial: optuna.Trial,
    n_actions: int,
    n_envs: int,
    additional_args: dict[str, Any],
) -> dict[str, Any]:
    """
    :param own: what the algorithm alone has
    :param trial: the trial to draw from
    :param n_actions: dimensions of a Box of actions, otherwise 0
    :param n_envs: unused; rl-zoo's samplers have this signature
    :param additional_args: ``preset``: the hyperparameters that the trial changes
    :return: the trial's arguments, its ``policy_kwargs`` merged into the preset's
    """
    preset = additional_args.get("preset", {})
    drawn = {**_sample_shared(trial), **own(trial), **_sample_entropy(trial, n_actions, preset)}
    trial.set_user_attr("gamma", 1 - drawn["one_minus_gamma"])
    trial.set_user_attr("n_steps", 2 ** drawn["n_steps_pow"])
    arguments = convert(drawn)
    arguments["policy_kwargs"] = merge_policy_kwargs(preset.get("policy_kwargs"), arguments["policy_kwargs"])
    return arguments


SAMPLERS: dict[str, Sampler] = {
    "divergence_reg_pg": partial(_sample, _sample_divergence_reg_pg),
    "spg": partial(_sample, _sample_spg),
    "sa2c": partial(_sample, _sample_sa2c),
    "sppo": partial(_sample, _sample_sppo),
    "strpo": partial(_sample, _sample_strpo),
}
