"""What every kernel is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch as th

from sb3_entropy.distributions.laws import Law
from sb3_entropy.handed_over import Remembering
from sb3_entropy.registry import KERNELS


class Kernel(Remembering, ABC):
    """
    A positive definite function k(a, a′): how alike two actions are.

    The actions are the numbers 0, …, n − 1 of a choice, with the matrix K, or points in ℝᴬ, in the environment's units.
    A kernel is a plain object that can be pickled.
    """

    #: one line, for lists
    description: ClassVar[str]

    @property
    @abstractmethod
    def bounded(self) -> bool:
        """:return: whether k, and with it MMD², never exceeds some constant"""

    def begin(self, action_features: Callable[[], Any]) -> None:
        """
        Called before training.

        :param action_features: gives what the environment knows of its actions, shape (n, d), or None
        :raises ValueError: if the kernel needs them and there are none
        """

    @abstractmethod
    def apply(self, d: th.Tensor) -> th.Tensor:
        """
        :param d: a vector over the n choices in each state, shape (B, n)
        :return: K d, shape (B, n), twice differentiable, in memory linear in n
        :raises ValueError: if the kernel is not for n choices
        """

    @abstractmethod
    def gram(self, actions: th.Tensor) -> th.Tensor:
        """
        :param actions: choices as whole numbers, shape (N, B), or points, shape (N, B, A)
        :return: k(aᵢ, aⱼ) for all pairs within a state, shape (N, N, B)
        :raises ValueError: if the kernel is not for such actions
        """

    @abstractmethod
    def squared_mmd(self, p: Law, q: Law) -> th.Tensor | None:
        """
        :param p: a law over points
        :param q: another
        :return: MMD² between them, shape (B,), or None where there is no closed form
        :raises ValueError: if the kernel is not for points
        """


def not_for_points(kernel: str) -> ValueError:
    """:return: the error of a kernel between choices that is asked about points"""
    return ValueError(
        f"The kernel {kernel!r} compares the choices of a finite action space, but these actions are points of a box. "
        "Use kernel={'kernel': 'rbf', 'bandwidth': 1.0}, with the bandwidth in the units of the actions, or "
        "kernel='linear'."
    )


def make_kernel(spec: str | Mapping[str, Any] | Kernel) -> Kernel:
    """
    :param spec: a key, a mapping ``{"kernel": key, **options}``, or a kernel, which is returned as it is
    :return: the kernel
    :raises TypeError: if ``spec`` is none of these
    :raises ValueError: if the key or an option is unknown, or an option is out of range
    """
    made: Kernel = KERNELS.make(spec)
    return made
