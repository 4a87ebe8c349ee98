"""What ``lin_…`` is in a preset."""


class LinearToZero:
    """
    ``max(p, 0) · initial_value`` at remaining progress p. The last rollout may end after the last step that was asked
    for, where p < 0 and rl-zoo's schedule is negative: the optimiser goes the other way.

    :param initial_value: at p = 1
    """

    def __init__(self, initial_value: float):
        self.initial_value = initial_value

    def __call__(self, progress_remaining: float) -> float:
        return max(progress_remaining, 0.0) * self.initial_value

    def __repr__(self) -> str:
        return f"LinearToZero(initial_value={self.initial_value})"
