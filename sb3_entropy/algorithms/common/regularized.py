"""A training whose policy loss has regularisers."""

import copy
import itertools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import torch as th
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.utils import obs_as_tensor

from sb3_entropy.distributions.laws import Law, law_of
from sb3_entropy.policies.compiled import by_plain_names, compiled_in_place, plain_name
from sb3_entropy.policies.looking import looked_at
from sb3_entropy.policies.soft import SoftActorCriticPolicy
from sb3_entropy.regularizers.making import make_regularizers
from sb3_entropy.regularizers.regularizer import Regularizer

#: as much of a name as Stable-Baselines3's tables show whole, with a number; where it cuts two keys to one it fails
LONGEST_NAME = 27

#: the scalar that the regularisers add to a loss: of the policy's law, and the policy's own loss
Regularization = Callable[[Law, th.Tensor], th.Tensor]


class RegularizedAlgorithm(OnPolicyAlgorithm):
    """An on-policy algorithm of Stable-Baselines3 whose policy is drawn towards, or away from, reference policies."""

    #: those that the user has asked for; what may be given is said by ``make_regularizers``
    regularizers: Any
    #: of the algorithm's own arguments
    _own_regularizers: list[Regularizer] | None = None
    #: whether there has been no state yet in which they could be tried
    _untried = False

    made_from: ClassVar[Mapping[str, frozenset[str]]] = {
        "_make_regularizers": frozenset({"regularizers"}),
        "_begin_regularizers": frozenset({"regularizers", "env"}),
    }

    @property  # type: ignore[override]
    def policy(self) -> ActorCriticPolicy:
        """
        The policy. One that is set to ``th.compile(policy)`` is compiled in place: it keeps its class and its names.
        """
        try:
            policy: ActorCriticPolicy = self.__dict__["policy"]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no policy before it is set up.") from None
        return policy

    @policy.setter
    def policy(self, policy: Any) -> None:
        self.__dict__["policy"] = compiled_in_place(policy)

    def get_parameters(self) -> dict[str, dict[str, Any]]:
        """:return: the state of the policy, by the names it has uncompiled, and of its optimizer"""
        parameters: dict[str, dict[str, Any]] = super().get_parameters()
        return {**parameters, "policy": by_plain_names(parameters["policy"])}

    def set_parameters(
        self,
        load_path_or_dict: str | dict[str, Any],
        exact_match: bool = True,
        device: th.device | str = "auto",
    ) -> None:
        """
        :param load_path_or_dict: a saved model, or what :meth:`get_parameters` has given, of this model or of one like
            it, whichever parts of the two are compiled
        :param exact_match: whether every parameter must be there
        :param device: where a file's parameters are put
        """
        given: Any = load_path_or_dict
        if not isinstance(given, dict):
            _, given, _ = load_from_zip_file(given, device=device, load_data=False)
        if "policy" in given:
            own = {plain_name(name): name for name in self.policy.state_dict()}
            policy = {own.get(plain_name(name), name): value for name, value in given["policy"].items()}
            given = {**given, "policy": policy}
        super().set_parameters(given, exact_match, device)

    def _active_regularizers(self) -> list[Regularizer]:
        return [*(self._own_regularizers or []), *self.regularizers]

    def _make_regularizers(self, before: Mapping[str, Any]) -> None:
        """A tuple, since one that is appended later would not have begun."""
        if "regularizers" in before:
            self.__dict__["regularizers"] = make_regularizers(self.regularizers, before["regularizers"] or ())
        self.__dict__["regularizers"] = tuple(self.regularizers)

    def _begin_regularizers(self, before: Mapping[str, Any]) -> None:
        """Find before training what would fail in its first update. Their state is saved with them."""
        with looked_at(self.policy):
            for regularizer in self._active_regularizers():
                regularizer.begin(self.policy, self._action_features)
        self._try_regularizers()

    def _try_regularizers(self) -> None:
        """In the states where the training is; before it has any, in one of the observation space, if that can be."""
        rules = self._active_regularizers()
        if not rules:
            return
        with looked_at(self.policy):
            if self._last_obs is not None:
                states = obs_as_tensor(self._last_obs, self.device)
                distribution = self.policy.get_distribution(states)
            else:
                try:
                    states = self.policy.obs_to_tensor(_sampled(self.observation_space))[0]
                    distribution = self.policy.get_distribution(states)
                except Exception:  # the space holds what no environment gives: all masked, 1e38, no such word
                    self._untried = True
                    return
            law = law_of(distribution, self.action_space)
            for rule in rules:
                rule.try_in(self.policy, states, law)
        self._untried = False

    def _setup_learn(self, *args: Any, **kwargs: Any) -> tuple[int, BaseCallback]:
        result = super()._setup_learn(*args, **kwargs)
        if self._untried:
            self._try_regularizers()
        return result

    def _action_features(self) -> Any:
        """What the environment knows of its actions, shape (n, d); None if it says nothing."""
        if self.env is None or not self.env.has_attr("action_features"):
            return None
        return self.env.get_attr("action_features")[0]

    def _penalty(self, observations: Any, policy_loss: th.Tensor) -> th.Tensor:
        """
        Straight after ``policy.evaluate_actions(observations, …)``.

        :param observations: the states of a minibatch, as tensors
        :param policy_loss: the policy's loss on it
        :return: what the regularisers add to the loss
        """
        law = law_of(self._current_distribution(observations), self.action_space)
        return self._regularization(observations, law)(law, policy_loss)

    def _current_distribution(self, observations: Any) -> Distribution:
        """What ``evaluate_actions`` has built is still there in policies that build it as ours do; else it is built."""
        bases = (ActorCriticPolicy, SoftActorCriticPolicy)
        for method in ("evaluate_actions", "_get_action_dist_from_latent"):
            ours = [getattr(base, method) for base in bases]
            if getattr(type(self.policy), method) not in ours or method in vars(self.policy):
                return self.policy.get_distribution(observations)
        return self.policy.action_dist

    def _regularization(self, observations: Any, law: Law) -> Regularization:
        """
        :param observations: the states of a minibatch, as tensors
        :param law: the policy's law in them
        :return: what the regularisers add to the policy's loss there, with references and coefficients that stay
        """
        made = [rule.penalty(self.policy, observations, law) for rule in self._active_regularizers()]
        penalties = [penalty for penalty in made if penalty is not None]

        def regularization(law: Law, policy_loss: th.Tensor) -> th.Tensor:
            total = policy_loss.new_zeros(())
            for penalty in penalties:
                total = total + penalty(law, policy_loss, self._current_progress_remaining, self._gradient_norm)
            return total

        return regularization

    def _gradient_norm(self, scalar: th.Tensor) -> float:
        """‖∇θ scalar‖, θ the parameters of the policy."""
        if not scalar.requires_grad:
            return 0.0
        parameters = [parameter for parameter in self.policy.parameters() if parameter.requires_grad]
        gradients = th.autograd.grad(scalar, parameters, retain_graph=True, allow_unused=True)
        norms = [gradient.norm() for gradient in gradients if gradient is not None]
        return float(th.stack(norms).norm()) if norms else 0.0

    def _record_regularizers(self) -> None:
        """Log E_s D and λ of each, as the last update has seen them."""
        rules = self._active_regularizers()
        for regularizer, name in zip(rules, log_names([rule.name for rule in rules]), strict=True):
            if regularizer.seen is not None:
                divergence, coef = regularizer.seen
                self.logger.record(f"train/{name}", divergence)
                self.logger.record(f"train/{name}_coef", coef)


def log_names(names: Iterable[str]) -> list[str]:
    """
    :param names: of regularisers, some perhaps the same, or as long as somebody's class
    :return: different ones, each with its beginning and its end
    """
    made: list[str] = []
    for name in names:
        short = name if len(name) <= LONGEST_NAME else f"{name[:12]}...{name[-12:]}"
        numbers = (f"{short}_{number}" for number in itertools.count(2))
        made.append(short if short not in made else next(other for other in numbers if other not in made))
    return made


def _sampled(space: spaces.Space[Any]) -> Any:
    """:return: an observation; nobody's generator has moved"""
    own = copy.deepcopy(space)
    own.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bounds of ±1.8e308 are too far apart for NumPy
        return own.sample()
