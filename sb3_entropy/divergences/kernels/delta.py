"""All different actions are equally different."""

import torch as th

from sb3_entropy.distributions.laws import Law
from sb3_entropy.divergences.kernels.base import Kernel, not_for_points
from sb3_entropy.errors import check_number
from sb3_entropy.registry import KERNELS


@KERNELS.register("delta")
class Delta(Kernel):
    """
    k(a, a′) = 1 if a = a′, else c. MMD² is then (1 − c) ‖p − q‖₂².

    :param off_diagonal: c in [0, 1)
    :raises ValueError: if it is not
    """

    description = "1 between equal choices, a constant between different ones"

    def __init__(self, off_diagonal: float = 0.0):
        check_number("off_diagonal", off_diagonal, low=0, high=1)
        if off_diagonal == 1:
            raise ValueError("off_diagonal must be below 1, but 1 was given: all actions would be the same.")
        self.off_diagonal = float(off_diagonal)

    @property
    def bounded(self) -> bool:
        return True

    def apply(self, d: th.Tensor) -> th.Tensor:
        return (1 - self.off_diagonal) * d + self.off_diagonal * d.sum(-1, keepdim=True)

    def gram(self, actions: th.Tensor) -> th.Tensor:
        if actions.is_floating_point():
            raise not_for_points("delta")
        equal = (actions[:, None] == actions[None, :]).to(th.get_default_dtype())
        return self.off_diagonal + (1 - self.off_diagonal) * equal

    def squared_mmd(self, p: Law, q: Law) -> th.Tensor | None:
        raise not_for_points("delta")
