"""What every std scheme is."""

from typing import ClassVar, Literal

import torch as th
from torch import nn

from sb3_entropy.errors import check_number

#: what the policy gives a scheme; the others of its arguments are the user's, in ``std_scheme_kwargs``
SUPPLIED = ("latent_dim", "action_dim", "log_std_init")


class StdScheme(nn.Module):
    """
    A map from the policy trunk's output h(s) to log σ(s).

    The *global* parameter log σ₀, shape (A,), belongs to the policy, under Stable-Baselines3's name ``log_std``; a
    scheme adds what depends on the state. Every scheme starts at σ(s) = exp(``log_std_init``) in every state, unless
    ``source_offsets`` asks for the start of the authors' code.

    :param latent_dim: width of h
    :param action_dim: A, the number of action dimensions
    :param log_std_init: log σ at the start
    :param delta: Δ, the range of the local increment
    :param source_offsets: start where the authors' code does: W at PyTorch's default, no offset taken out
    :raises ValueError: if an option is out of range
    """

    #: what log σ₀ is: a learned parameter of the policy, a constant, or not there at all
    global_part: ClassVar[Literal["learned", "constant", "absent"]] = "learned"
    #: whether σ depends on the state
    is_local: ClassVar[bool] = False

    @property
    def tanh_factor(self) -> float | None:
        """
        :return: c, where ``of_head(x, log σ₀)`` is a constant + c·tanh x, + log σ₀ if the scheme has it, and does not
            write into x, so that ∂ log σ/∂x = c·(1 − tanh² x); None if it is anything else. Read of our own schemes
        """
        return None

    def __init__(
        self,
        latent_dim: int,
        action_dim: int,
        log_std_init: float = 0.0,
        *,
        delta: float = 1.0,
        source_offsets: bool = False,
    ):
        super().__init__()
        check_number("log_std_init", log_std_init)
        check_number("delta of std_scheme", delta, low=0, open_low=True)
        self.log_std_init = log_std_init
        self.delta = delta
        self.source_offsets = source_offsets
        if self.is_local:
            self.head = nn.Linear(latent_dim, action_dim)
            if not source_offsets:
                nn.init.zeros_(self.head.weight)
                nn.init.zeros_(self.head.bias)

    @property
    def global_log_std_init(self) -> float:
        """:return: where log σ₀ starts"""
        return self.log_std_init

    def forward(self, latent: th.Tensor, log_std: th.Tensor | None) -> th.Tensor:
        """
        :param latent: h(s), shape (B, latent_dim)
        :param log_std: log σ₀, shape (A,), if the scheme has it
        :return: log σ(s), shape (A,) or (B, A)
        """
        return self.of_head(self.head(latent) if self.is_local else None, log_std)

    def of_head(self, output: th.Tensor | None, log_std: th.Tensor | None) -> th.Tensor:
        """
        What a scheme supplies, unless it has a ``forward`` of its own.

        :param output: W h(s) + b, shape (B, A), where the scheme is local
        :param log_std: log σ₀, shape (A,), if the scheme has it
        :return: log σ(s), shape (A,) or (B, A)
        """
        raise NotImplementedError(f"{type(self).__name__} must have of_head, or forward.")
