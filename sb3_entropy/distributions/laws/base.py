"""What every law is, and what it lives on."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch as th


@dataclass(frozen=True)
class Choices:
    """
    Finitely many actions: {0, …, n₁ − 1} × … × {0, …, n_d − 1}.

    :param sizes: n₁, …, n_d
    """

    sizes: tuple[int, ...]

    def __str__(self) -> str:
        if len(self.sizes) > 1 and len(set(self.sizes)) == 1:
            return f"{len(self.sizes)} times {self.sizes[0]} choices"
        return f"{' × '.join(map(str, self.sizes))} choices"


@dataclass(frozen=True)
class Reals:
    """
    All of ℝᴬ.

    :param n_dims: A
    """

    n_dims: int

    def __str__(self) -> str:
        return f"{self.n_dims} unbounded dimension{'s' if self.n_dims > 1 else ''}"


@dataclass(frozen=True)
class Bounds:
    """
    A box [low, high] in ℝᴬ, in the environment's own units.

    :param low: one number a dimension
    :param high: one number a dimension
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    @property
    def n_dims(self) -> int:
        """:return: A"""
        return len(self.low)

    def __str__(self) -> str:
        if len(set(self.low)) == 1 and len(set(self.high)) == 1:
            power = f" in {self.n_dims} dimensions" if self.n_dims > 1 else ""
            return f"the box [{self.low[0]:g}, {self.high[0]:g}]{power}"
        return "the box " + " × ".join(f"[{low:g}, {high:g}]" for low, high in zip(self.low, self.high, strict=True))


Support = Choices | Reals | Bounds


def is_inside(inner: Support, outer: Support) -> bool:
    """:return: whether every action of ``inner`` is one of ``outer``, both being of one action space"""
    return inner == outer or (isinstance(inner, Bounds) and isinstance(outer, Reals) and inner.n_dims == outer.n_dims)


class Law(ABC):
    """
    The distribution of the action in each of B states.

    A law is a value: it holds tensors, with their gradients, is never changed, and stays what it is when the policy
    goes on. Actions are in the environment's own units; choices are numbered from 0.
    """

    @property
    @abstractmethod
    def batch(self) -> int:
        """:return: B, the number of states"""

    @property
    @abstractmethod
    def support(self) -> Support:
        """:return: what the actions are chosen from, in every state"""

    @abstractmethod
    def log_prob(self, actions: th.Tensor) -> th.Tensor:
        """
        :param actions: n actions a state, shape (n, B) for one choice, else (n, B, A)
        :return: their log-probabilities or log-densities, shape (n, B); −∞ outside the support
        """

    @abstractmethod
    def sample(self, n: int) -> th.Tensor:
        """
        :param n: actions a state
        :return: independent actions without gradient, shape (n, B) for one choice, else (n, B, A); from PyTorch's
            global generator
        """

    @abstractmethod
    def entropy(self) -> th.Tensor | None:
        """
        :return: H = −E log p in nats, shape (B,), of actions in the environment's units, with gradient; None where
            neither a closed form nor a quadrature is known
        """

    @abstractmethod
    def detach(self) -> Self:
        """:return: the same law without gradients"""

    def __str__(self) -> str:
        return f"{type(self).__name__} on {self.support}"


def check_tensors(law: str, **tensors: th.Tensor) -> None:
    """
    :param law: the law's name
    :param tensors: its parameters by name, of which the first is to have the shape (B, A) and the others the same
    :raises ValueError: if they do not
    """
    first, *_ = tensors.values()
    if first.dim() != 2 or any(tensor.shape != first.shape for tensor in tensors.values()):
        given = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in tensors.items())
        raise ValueError(f"{law} takes parameters of one shape (B, A): a row a state, but these have {given}.")


def check_same_space(p: Law, q: Law) -> None:
    """
    :param p: a law
    :param q: another
    :raises ValueError: if they cannot be laws over the actions of one space, in the same states
    """
    if not (is_inside(p.support, q.support) or is_inside(q.support, p.support)):
        raise ValueError(
            f"{p} and {q} choose from different actions: that is a reference from another action space. Compare "
            "policies of one environment, with the same bounds."
        )
    if p.batch != q.batch:
        raise ValueError(
            f"{p} has {p.batch} states and {q} has {q.batch}. Compare laws in the same states: evaluate both on one "
            "batch of observations."
        )
