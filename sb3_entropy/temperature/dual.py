"""α that is tuned to a target entropy by descent on every minibatch: the rule of SAC."""

import copy
from typing import Any, ClassVar

import torch as th

from sb3_entropy.temperature.base import Temperature


class DualTemperature(Temperature):
    """
    α as the multiplier of the constraint E[−log π(ã|s)] ≥ H̄, by Adam on every minibatch (Haarnoja et al. 2018, arXiv
    1812.05905, Eq. 18; Liu et al. 2020, Fig. 1, line 15), without bounds.

    With ``in_log`` the loss is −log α · mean(log π(ã|s) + H̄), descended in log α, as in Stable-Baselines3's SAC;
    without it −α · mean(log π(ã|s) + H̄), descended in α itself, which stays ≥ 0, as Fig. 1 has it. Near α = 1 the two
    are alike; far from it the first moves α by a share of itself, the second by an amount.

    H̄ is that of the action in the [−1, 1] box, where log π is taken.

    :param initial: α at the start, > 0
    :param target: H̄ in nats
    :param learning_rate: Adam's step size
    :param in_log: what is descended in
    :param device: where the minibatches are
    """

    is_tuned = True
    #: raised when it tunes otherwise than before; enters the identity of the runs that use it
    behaviour_version: ClassVar[int] = 1

    def __init__(
        self,
        initial: float,
        target: float,
        learning_rate: float = 3e-4,
        in_log: bool = True,
        device: th.device | str = "cpu",
    ):
        self.initial, self.target, self.in_log = initial, target, in_log
        start = th.ones(1, device=device) * initial
        self._begin(th.log(start) if in_log else start, learning_rate)

    def _begin(self, start: th.Tensor, learning_rate: float) -> None:
        #: log α, or α; shape (1,)
        self.parameter = start.requires_grad_(True)
        self.optimizer = th.optim.Adam([self.parameter], lr=learning_rate)

    def __repr__(self) -> str:
        return f"DualTemperature(α={self.value(0.0):.4g}, target={self.target:g}, in_log={self.in_log})"

    def __getstate__(self) -> dict[str, Any]:
        """Plain numbers; the optimiser's state is saved as PyTorch saves it, beside the networks'."""
        held = {name: value for name, value in vars(self).items() if name not in ("parameter", "optimizer")}
        return {**held, "_where": self.parameter.item(), "_rate": self.learning_rate}

    def __setstate__(self, state: dict[str, Any]) -> None:
        where, rate = state["_where"], state["_rate"]
        vars(self).update({name: value for name, value in state.items() if name not in ("_where", "_rate")})
        self._begin(th.full((1,), where), rate)

    def __deepcopy__(self, memo: dict[int, Any]) -> "DualTemperature":
        """With the optimiser's state; a model that is copied has parameter and optimiser by other names too."""
        other = DualTemperature.__new__(DualTemperature)
        memo[id(self)] = other
        vars(other).update(copy.deepcopy(vars(self), memo))
        return other

    @property
    def learning_rate(self) -> float:
        """Adam's step size."""
        return float(self.optimizer.param_groups[0]["lr"])

    def value(self, progress_remaining: float) -> float:
        parameter = self.parameter.detach()
        return (th.exp(parameter) if self.in_log else parameter).item()

    def loss(self, log_prob: th.Tensor) -> th.Tensor:
        """
        :param log_prob: log π(ã|s) of the samples of a minibatch, shape (B,)
        :return: −log α · mean(log π + H̄), or −α · mean(log π + H̄)
        """
        return -(self.parameter * (log_prob + self.target).detach()).mean()

    def descend(self, log_prob: th.Tensor) -> th.Tensor:
        loss = self.loss(log_prob)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if not self.in_log:
            with th.no_grad():
                self.parameter.clamp_(min=0.0)
        return loss.detach()

    def moved_to(self, device: th.device | str) -> "DualTemperature":
        """
        :param device: where the minibatches are
        :return: itself, if it is there; else one that begins there, with the optimiser's state that is loaded later
        """
        if self.parameter.device == th.empty(0, device=device).device:  # "cuda" is "cuda:0"
            return self
        other = DualTemperature(self.initial, self.target, self.learning_rate, self.in_log, device)
        other.parameter.data.copy_(self.parameter.data)
        return other

    def retargeted(self, other: "DualTemperature") -> "DualTemperature":
        """
        :param other: with the target and the rate that are wanted
        :return: one that is tuned to them from where α and its optimiser are now
        """
        wanted = DualTemperature(self.initial, other.target, other.learning_rate, other.in_log, self.parameter.device)
        if wanted.in_log != self.in_log:
            start = DualTemperature(self.initial, self.target, in_log=self.in_log, device=self.parameter.device)
            if th.equal(self.parameter, start.parameter):
                return wanted  # there to the last bit
            where = th.full((1,), self.value(0.0))
            wanted.parameter.data.copy_(th.log(where) if wanted.in_log else where)
            return wanted
        wanted.parameter.data.copy_(self.parameter.data)
        wanted.optimizer.load_state_dict(self.optimizer.state_dict())
        wanted.optimizer.param_groups[0]["lr"] = other.learning_rate
        return wanted
