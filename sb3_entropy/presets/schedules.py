"""What ``lin_…`` is in a preset."""

from rl_zoo3.utils import SimpleLinearSchedule


class LinearToZero(SimpleLinearSchedule):
    """
    ``max(p, 0) · initial_value`` at remaining progress p. The last rollout may end after the last step that was asked
    for, where p < 0 and rl-zoo's schedule is negative: the optimiser goes the other way.
    """

    def __call__(self, progress_remaining: float) -> float:
        value: float = super().__call__(max(progress_remaining, 0.0))
        return value
