"""A Gaussian with any std scheme as a head of the actor."""

import math
from types import NoneType
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import ActorCriticPolicy

from sb3_entropy.algorithms.common.affine import Affine
from sb3_entropy.algorithms.common.flat import FlatParameters
from sb3_entropy.algorithms.common.networks import tanh_backward
from sb3_entropy.algorithms.on_policy.fast.head import FEW, Evaluated, WrittenHead
from sb3_entropy.distributions import StdScheme
from sb3_entropy.distributions.laws import Law
from sb3_entropy.distributions.laws.gaussian import Gaussian
from sb3_entropy.distributions.std_schemes.fixed import FixedStd
from sb3_entropy.distributions.std_schemes.global_ import GlobalStd

HALF_LOG_2PI = math.log(math.sqrt(2 * math.pi))


class GaussianHead(WrittenHead):
    """
    N(μ(s), diag σ(s)²): log π = Σ (−(a − μ)²/2σ² − log σ − ½ log 2π), H = Σ (½ + ½ log 2π + log σ).

    Its leaves are μ, shape (B, A), and log σ, shape (A,) or, by a local std scheme, (B, A).
    """

    def __init__(self, policy: ActorCriticPolicy, flat: FlatParameters):
        super().__init__(policy, flat)
        scheme = getattr(policy, "std_scheme", None)
        #: None where log σ is the policy's own, as it stands
        self.scheme: StdScheme | None = None if type(scheme) in (NoneType, GlobalStd, FixedStd) else scheme
        held: Any = getattr(policy, "log_std", None)
        self.log_std: th.Tensor | None = None if held is None else held.detach()
        learned = isinstance(held, th.nn.Parameter)
        self.log_std_gradient = flat.view(flat.gradients, held) if learned else None
        self._spread_of: bytes | None = None
        self._held_spread: tuple[th.Tensor, th.Tensor, th.Tensor]
        #: a scheme that is a function of a linear layer; whatever else one is, a third party's, is left to autograd
        self.scheme_affine: Affine | None = None
        own = [] if self.scheme is None else list(self.scheme.parameters())
        #: whether the scheme is c·tanh of that layer, one of ours, of which that is known
        self._is_tanh = False
        #: h and what the layer gave of it, so that the backward pass need not compute it again: valid for that very h
        self._last_output: tuple[th.Tensor, th.Tensor]
        if self.scheme is not None and _is_of_head(self.scheme):
            self.scheme_affine, own = Affine(self.scheme.head, flat), []
            self._is_tanh = type(self.scheme).__module__.startswith("sb3_entropy.")
        self.scheme_parameters = [(parameter, flat.view(flat.gradients, parameter)) for parameter in own]

    def holds(self) -> bool:
        held: Any = getattr(self.policy, "log_std", None)  # a buffer, where σ is fixed
        return held is None or self.log_std is None or held.data_ptr() == self.log_std.data_ptr()

    def leaves(self, latent: th.Tensor) -> tuple[th.Tensor, ...]:
        mean = self.affine.forward(latent)
        if self.scheme is None:
            assert self.log_std is not None
            return mean, self.log_std
        if self.scheme_affine is not None:
            output = self.scheme_affine.forward(latent)
            self._last_output = latent, output
            return mean, self.scheme.of_head(output, self.log_std)
        with th.no_grad():
            return mean, self.scheme(latent, self.log_std).detach()

    def sample(self, latent: np.ndarray) -> tuple[np.ndarray, float]:
        if self.scheme is None:
            assert self.log_std is not None
            std = self._spread(self.log_std)[0]
        elif self.scheme_affine is not None:
            output = th.from_numpy(self.scheme_affine.forward_array(latent))
            std = self.scheme.of_head(output, self.log_std).exp()  # not in place: it may be the scheme's own
        else:
            return super().sample(latent)
        mean = self.affine.forward_array(latent)
        noise: np.ndarray = th.empty(mean.shape, dtype=th.float32, device="cpu").normal_().numpy()
        noise *= std.numpy()
        noise += mean
        return noise, sum(noise.ravel().tolist()) if noise.size < FEW else float(noise.sum())

    def act(self, latent: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        mean, log_std = self.leaves(latent)
        std, minus_twice_variance, log_scale = self._spread(log_std)
        actions = th.empty_like(mean).normal_().mul_(std).add_(mean)
        distance = actions - mean
        exponent = distance.mul_(distance).div_(minus_twice_variance)
        return actions, exponent.sub_(log_scale).sub_(HALF_LOG_2PI).sum(1)

    def _spread(self, log_std: th.Tensor) -> tuple[th.Tensor, th.Tensor, th.Tensor]:
        """:return: σ, −2σ² and log σ, kept by the value of log σ, since that is written in place"""
        held = log_std.numpy().tobytes() if self.scheme is None else None
        if held is None or held != self._spread_of:
            std = log_std.exp()
            self._spread_of, self._held_spread = held, (std, -2 * std**2, std.log())
        return self._held_spread

    def evaluate(self, leaves: tuple[th.Tensor, ...], actions: th.Tensor) -> Evaluated:
        mean, log_std = leaves
        std = log_std.exp()
        # Where autograd will differentiate, the gradient is summed over states last and squares are powers, whose
        # backward has its own bits, as in Stable-Baselines3.
        if mean.requires_grad:
            std = th.ones_like(mean) * std
        distance = actions - mean
        twice_variance = 2 * std**2 if mean.requires_grad else std * std * 2
        scaled = (-(distance**2) if mean.requires_grad else -(distance * distance)) / twice_variance
        log_scale = std.log()
        log_prob = (scaled - log_scale - HALF_LOG_2PI).sum(1)
        entropy = _gaussian_entropy(std)
        if entropy.dim() == 0:
            entropy = th.empty_like(log_prob).fill_(entropy)
        return Evaluated(log_prob, entropy, (mean, std, distance, twice_variance, scaled))

    def entropy(self, leaves: tuple[th.Tensor, ...]) -> th.Tensor:
        mean, log_std = leaves
        return _gaussian_entropy(th.ones_like(mean) * log_std.exp())

    def law(self, evaluated: Evaluated) -> Law:
        return Gaussian(*evaluated.parts[:2])

    def gradients(
        self, evaluated: Evaluated, log_prob_gradient: th.Tensor, entropy_gradient: th.Tensor | None
    ) -> tuple[th.Tensor, ...]:
        """
        ∂ log π/∂μ = (a − μ)/σ², ∂ log π/∂σ = (a − μ)²/σ³ − 1/σ, ∂H/∂σ = 1/σ; ∂σ/∂ log σ = σ.
        """
        _, std, distance, twice_variance, scaled = evaluated.parts
        gradient = log_prob_gradient[:, None]
        of_mean = (gradient / twice_variance) * (2 * distance)
        of_std = -gradient / std
        if entropy_gradient is not None:
            of_std = entropy_gradient / std + of_std
        of_std = of_std + ((scaled / twice_variance) * -gradient) * 2 * (2 * std)
        if std.dim() == 1:
            of_std = of_std.sum(0)
        return of_mean, of_std * std

    def backward(self, latent: th.Tensor, gradients: tuple[th.Tensor, ...]) -> th.Tensor:
        of_latent = super().backward(latent, gradients)
        if self.scheme is None:
            if self.log_std_gradient is not None:
                self.log_std_gradient.copy_(gradients[1])
            return of_latent
        return of_latent + self._scheme_backward(latent, gradients[1])

    def _scheme_backward(self, latent: th.Tensor, gradient: th.Tensor) -> th.Tensor:
        """
        Of c·tanh, ∂ log σ/∂(W h + b) = c·(1 − tanh²); the few operations of another scheme are left to autograd.

        :return: what of ∂L/∂h is the scheme's own
        """
        scheme, affine = self.scheme, self.scheme_affine
        assert scheme is not None
        factor = scheme.tanh_factor if self._is_tanh else None
        if factor is not None and affine is not None and self._last_output[0] is latent:
            if self.log_std_gradient is not None:
                th.sum(gradient, 0, out=self.log_std_gradient)
            of_output = tanh_backward(gradient * factor, th.tanh(self._last_output[1]))
            affine.backward(latent, of_output)
            return affine.input_gradient(of_output)
        leaf = (latent.detach() if affine is None else affine.forward(latent)).requires_grad_()
        wanted: list[Any] = [leaf, *(parameter for parameter, _ in self.scheme_parameters)]
        places: list[Any] = [place for _, place in self.scheme_parameters]
        log_std = None if self.log_std is None else self.log_std.detach()
        if self.log_std_gradient is not None and log_std is not None:
            wanted.append(log_std.requires_grad_())
            places.append(self.log_std_gradient)
        with th.enable_grad():
            read = leaf.clone()  # a scheme may write into it
            made = scheme(read, log_std) if affine is None else scheme.of_head(read, log_std)
        if not made.requires_grad:
            return th.zeros_like(latent)
        found = th.autograd.grad(made, wanted, gradient, materialize_grads=True)
        for place, part in zip(places, found[1:], strict=True):
            place.copy_(part)
        if affine is None:
            return found[0]
        affine.backward(latent, found[0])
        return affine.input_gradient(found[0])


def _is_of_head(scheme: StdScheme) -> bool:
    """:return: whether it is a function of its linear layer alone"""
    if not scheme.is_local or type(scheme).forward is not StdScheme.forward or type(scheme.head) is not th.nn.Linear:
        return False
    return len(list(scheme.parameters())) == len(list(scheme.head.parameters())) == 2


def _gaussian_entropy(std: th.Tensor) -> th.Tensor:
    return (0.5 + 0.5 * math.log(2 * math.pi) + th.log(std)).sum(-1)
