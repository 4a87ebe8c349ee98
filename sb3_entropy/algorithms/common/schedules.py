"""What a user's function of the remaining progress gives when the training has run past its end."""

import math

from stable_baselines3.common.type_aliases import Schedule


def at(schedule: Schedule, progress_remaining: float) -> float:
    """
    The last rollout may end after the last step that was asked for: Stable-Baselines3 then asks for a progress below 0,
    where √p is not a number, or complex. What is a number stays as in Stable-Baselines3, bit for bit; so c·p, such as
    rl-zoo's ``lin_0.001``, is negative there, by c times the share of the training that was too much.

    :param schedule: a learning rate or clip range
    :param progress_remaining: the share of the training that is still to come, below 0 in that rollout
    :return: what it gives there if that is a finite number, otherwise what it gives at 0
    """
    if progress_remaining >= 0:
        return schedule(progress_remaining)
    try:
        value = schedule(progress_remaining)
        valid = math.isfinite(value)
    except (ArithmeticError, TypeError, ValueError):
        valid = False
    return value if valid else schedule(0.0)
