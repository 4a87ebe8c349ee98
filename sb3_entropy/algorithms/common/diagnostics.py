"""What an algorithm says besides its numbers: a warning, and its hyper-parameters."""

import warnings
from typing import Any

from stable_baselines3.common.logger import HParam, Logger, TensorBoardOutputFormat


def warn_outside_box(share: float, ent_coef: float) -> None:
    """Warn that most of the density lies where clipping makes it useless."""
    warnings.warn(
        f"{share:.0%} of the policy's density, on average over action dimensions, lies outside the action box, where "
        "clipping makes all actions alike: "
        f"with ent_coef={ent_coef:g} the policy buys entropy that the environment never sees. Keep it inside the box "
        "with policy_kwargs=dict(action_distribution='beta') or dict(action_distribution='tanh_gaussian', "
        "entropy_estimator='quadrature'), or lower ent_coef.",
        stacklevel=2,
    )


def record_hparams(logger: Logger, values: dict[str, Any], timesteps: int) -> None:
    """
    Write a run's hyper-parameters for TensorBoard's HPARAMS page, if it logs there. No other writer can read them.

    :param logger: the run's logger
    :param values: hyper-parameters by name; what is no number, string or truth value is written as text
    :param timesteps: where the run begins
    """
    simple = {key: value if isinstance(value, (bool, int, float, str)) else str(value) for key, value in values.items()}
    metrics: dict[str, float | int] = {"rollout/ep_rew_mean": 0.0, "rollout/soft_return": 0.0, "train/entropy": 0.0}
    for output in logger.output_formats:
        if isinstance(output, TensorBoardOutputFormat):
            output.write({"hparams": HParam(simple, metrics)}, {"hparams": ()}, timesteps)
