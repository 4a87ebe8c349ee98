"""Any of Stable-Baselines3's critics and actors, as functions of the action, by their own modules and autograd."""

import copy
from collections.abc import Callable, Sequence

import torch as th
from stable_baselines3.common.distributions import DiagGaussianDistribution, StateDependentNoiseDistribution
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.sac.policies import Actor

from sb3_entropy.algorithms.off_policy.similarity.states import StateCritics
from sb3_entropy.policies.looking import evaluated

#: rows that go through a network at once: what they leave behind in a layer stays in the cache
ROWS = 4096


def gaussian_of(actor: Actor) -> tuple[th.Tensor, th.Tensor]:
    """
    :param actor: which has just acted, or said a log-probability, in B states
    :return: mean and standard deviation of its Gaussian before tanh there, shape (B, A), without gradient
    """
    held = actor.action_dist
    if not isinstance(held, DiagGaussianDistribution | StateDependentNoiseDistribution):
        raise TypeError(
            f"The similarity of critics is over actions of a tanh-Gaussian policy, but the actor holds a "
            f"{type(held).__name__}. Use Stable-Baselines3's Actor, with or without gSDE."
        )
    return held.distribution.mean.detach(), held.distribution.stddev.detach()


def gaussian_in(actor: Actor, observations: PyTorchObs) -> tuple[th.Tensor, th.Tensor]:
    """
    :param actor: the policy
    :param observations: B states
    :return: mean and standard deviation of its Gaussian before tanh there, shape (B, A), without gradient; the
        distribution that the actor holds stays what it is
    """
    with th.no_grad(), evaluated(actor):
        mean, log_std, more = actor.get_action_dist_params(observations)
        looked = copy.copy(actor)  # shares all modules; only its distribution is another
        looked.__dict__ = {**actor.__dict__, "action_dist": copy.copy(actor.action_dist)}
        looked.action_dist.proba_distribution(mean, log_std, **more)
        return gaussian_of(looked)


class GeneralStateCritics(StateCritics):
    """
    The critics are looked at in evaluation mode, without dropout, and keep their modes. No parameter's ``grad`` is
    touched, and no global random number drawn.

    :param critics: one a group, the soft one first
    :param observations: B states, as tensors; images not yet divided by 255
    :param mean: of the Gaussian before tanh, shape (B, A)
    :param std: its standard deviation, likewise
    :param sample: ã ∈ [−1, 1]ᴬ, likewise
    :param values_at_sample: Q(s, ã), shape (G, C, B), where it is known already
    """

    def __init__(
        self,
        critics: Sequence[ContinuousCritic],
        observations: PyTorchObs,
        mean: th.Tensor,
        std: th.Tensor,
        sample: th.Tensor,
        values_at_sample: th.Tensor | None = None,
    ):
        self.critics = tuple(critics)
        self.mean, self.std, self.sample = mean.detach(), std.detach(), sample.detach()
        with th.no_grad():
            self._features = self._extracted(observations)
        self._gradients: th.Tensor | None = None
        if values_at_sample is None:
            values_at_sample = self.values(self.sample.unsqueeze(0)).squeeze(2)
        self.values_at_sample = values_at_sample.detach()

    def _extracted(self, observations: PyTorchObs) -> list[th.Tensor]:
        """:return: features of the states, one a group; an extractor that groups share is asked once"""
        found: dict[int, th.Tensor] = {}
        for critic in self.critics:
            extractor = critic.features_extractor
            if id(extractor) not in found:
                with evaluated(critic):
                    found[id(extractor)] = critic.extract_features(observations, extractor)
        return [found[id(critic.features_extractor)] for critic in self.critics]

    def _asked(self, ask: Callable[[th.nn.Module, th.Tensor], th.Tensor], states: th.Tensor | None) -> th.Tensor:
        """:return: what is found for every critic's network and the features of its states, shape (G, C, …)"""
        groups = []
        for critic, features in zip(self.critics, self._features, strict=True):
            chosen = features if states is None else features[states]
            with evaluated(critic):
                groups.append(th.stack([ask(network, chosen) for network in critic.q_networks]))
        return th.stack(groups)

    def values(self, actions: th.Tensor, states: th.Tensor | None = None, low_precision: bool = False) -> th.Tensor:
        apply = _in_low_precision if low_precision else _as_it_is

        def ask(network: th.nn.Module, features: th.Tensor) -> th.Tensor:
            at_once = max(1, ROWS // max(1, actions.shape[1]))
            parts = []
            for part in actions.split(at_once):
                rows = th.cat([features.expand(len(part), -1, -1), part], dim=2).flatten(0, 1)
                parts.append(apply(network, rows).view(part.shape[:2]))
            return th.cat(parts)

        with th.no_grad():
            return self._asked(ask, states)

    def values_and_gradients(self, actions: th.Tensor) -> tuple[th.Tensor, th.Tensor]:
        def ask(network: th.nn.Module, features: th.Tensor) -> th.Tensor:
            a = actions.detach().requires_grad_()
            value = network(th.cat([features, a], dim=1))
            (gradient,) = th.autograd.grad(value.sum(), a)
            return th.cat([value.detach(), gradient], dim=1)

        with th.enable_grad():
            found = self._asked(ask, None)
        return found[..., 0], found[..., 1:]

    def gradients_at_sample(self) -> th.Tensor:
        if self._gradients is None:
            self._gradients = self.values_and_gradients(self.sample)[1]
        return self._gradients


def _as_it_is(network: th.nn.Module, rows: th.Tensor) -> th.Tensor:
    return network(rows)  # type: ignore[no-any-return]


def _in_low_precision(network: th.nn.Module, rows: th.Tensor) -> th.Tensor:
    """All layers but the last in bfloat16: Q itself would lose in it what tells actions apart."""
    if not isinstance(network, th.nn.Sequential):
        raise TypeError(
            f"Hidden layers in bfloat16 need a critic that is an nn.Sequential, but it is a {type(network).__name__}. "
            "Use another similarity_rule, such as 'exact'."
        )
    *hidden, last = network
    with th.autocast(rows.device.type, dtype=th.bfloat16):
        for layer in hidden:
            rows = layer(rows)
    return last(rows.to(next(last.parameters()).dtype))  # type: ignore[no-any-return]
