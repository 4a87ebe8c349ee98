"""The regularisers that an algorithm has."""

import copy
import itertools
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import torch as th
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.sac.policies import Actor, SACPolicy

from sb3_entropy.distributions.laws import Law, law_of
from sb3_entropy.policies.compiled import uncompiled
from sb3_entropy.policies.laws import law_at
from sb3_entropy.policies.looking import looked_at
from sb3_entropy.policies.parameters import Snapshot, acting_part
from sb3_entropy.policies.soft import SoftActorCriticPolicy
from sb3_entropy.regularizers.regularizer import Regularizer

#: as much of a name as Stable-Baselines3's tables show whole, with a number; where it cuts two keys to one it fails
LONGEST_NAME = 27

_Evaluating = tuple[tuple[type[BasePolicy], ...], tuple[str, ...]]
#: classes, and methods of theirs by which the law of the states that are evaluated is left in ``action_dist``
_ACTOR_CRITICS: _Evaluating = (
    (ActorCriticPolicy, SoftActorCriticPolicy),
    ("evaluate_actions", "_get_action_dist_from_latent"),
)
_ACTORS: _Evaluating = ((Actor,), ("action_log_prob",))

#: the scalar that the regularisers add to a loss: of the policy's law, and the policy's own loss
Regularization = Callable[[Law, th.Tensor], th.Tensor]


class RegularizerCollection(tuple[Regularizer, ...]):
    """
    The regularisers of one training, those of the algorithm's own arguments first.

    It is a tuple, since one that is appended later would not have begun.
    """

    #: whether there has been no state yet in which they could be tried
    untried = False

    def begin(self, policy: BasePolicy, action_features: Callable[[], Any]) -> None:
        """
        :param policy: the algorithm's policy
        :param action_features: gives what the environment knows of its actions, shape (n, d), or None
        :raises ValueError: if a reference does not fit the policy, or a divergence the environment
        """
        with looked_at(policy):
            for rule in self:
                rule.begin(policy, action_features)

    def try_in(self, policy: BasePolicy, observations: Any) -> None:
        """
        Find before training what would fail in its first update.

        :param policy: the algorithm's policy
        :param observations: where the training is, as the environments give them; None if it is nowhere yet: then they
            are tried in one of the observation space, if that can be, and else stay untried
        :raises ValueError: if a divergence does not fit the laws
        """
        if not self:
            return
        with looked_at(policy):
            if observations is not None:
                states = obs_as_tensor(observations, policy.device)
                laws = _present_and_near(policy, states)
            else:
                try:
                    states = policy.obs_to_tensor(_sampled(policy.observation_space))[0]
                    laws = _present_and_near(policy, states)
                except Exception:  # the space holds what no environment gives: all masked, 1e38, no such word
                    self.untried = True
                    return
            for rule in self:
                rule.try_in(policy, states, laws)
        self.untried = False

    def before_update(self, policy: BasePolicy) -> None:
        """
        :param policy: the policy that has collected the rollout
        """
        for rule in self:
            rule.before_update(policy)

    def after_update(self, n_transitions: int) -> None:
        """
        :param n_transitions: how many transitions were collected for the update
        """
        for rule in self:
            rule.after_update(n_transitions)

    def penalty(
        self,
        policy: BasePolicy,
        observations: Any,
        law: Law,
        policy_loss: th.Tensor,
        progress_remaining: float,
    ) -> th.Tensor:
        """
        :param policy: the algorithm's policy
        :param observations: the states of a minibatch, as tensors
        :param law: the policy's law in them
        :param policy_loss: the policy's loss on it
        :param progress_remaining: the share of the training that is still to come
        :return: Σ ±λ·E_s D, a scalar to add to the loss
        :raises ValueError: if a divergence is infinite
        """
        return self.regularization(policy, observations, law, progress_remaining)(law, policy_loss)

    def regularization(
        self, policy: BasePolicy, observations: Any, law: Law, progress_remaining: float
    ) -> Regularization:
        """
        :param policy: the algorithm's policy
        :param observations: the states of a minibatch, as tensors
        :param law: the policy's law in them
        :param progress_remaining: the share of the training that is still to come
        :return: :meth:`penalty` as a function of law and loss, with references and coefficients that stay
        """
        made = [rule.penalty(policy, observations, law) for rule in self]
        penalties = [penalty for penalty in made if penalty is not None]

        def gradient_norm(scalar: th.Tensor) -> float:
            return norm_of_gradient(scalar, policy)

        def regularization(law: Law, policy_loss: th.Tensor) -> th.Tensor:
            total = policy_loss.new_zeros(())
            for penalty in penalties:
                total = total + penalty(law, policy_loss, progress_remaining, gradient_norm)
            return total

        return regularization

    def record(self, logger: Logger) -> None:
        """
        Log E_s D and λ of each, as the last update has seen them.

        :param logger: the training's
        """
        for rule, name in zip(self, log_names([rule.name for rule in self]), strict=True):
            if rule.seen is not None:
                divergence, coef = rule.seen
                logger.record(f"train/{name}", divergence)
                logger.record(f"train/{name}_coef", coef)


def evaluated_law(policy: BasePolicy, observations: Any) -> Law:
    """
    Called straight after ``policy.evaluate_actions(observations, …)``, or of SAC's policy after
    ``policy.actor.action_log_prob(observations)``, before anything else looks at the policy: what that has built is
    still there in policies that build it as ours do; else it is built.

    :param policy: the policy
    :param observations: states, as tensors
    :return: the policy's law in them, with the gradient of that pass
    """
    evaluating = uncompiled(policy)
    bases, methods = _ACTOR_CRITICS
    if isinstance(evaluating, SACPolicy):
        evaluating = uncompiled(evaluating.actor)
        bases, methods = _ACTORS
    for method in methods:
        ours = [getattr(base, method) for base in bases]
        if getattr(type(evaluating), method) not in ours or method in vars(evaluating):
            return law_at(policy, observations)
    return law_of(evaluating.action_dist, policy.action_space)


def norm_of_gradient(scalar: th.Tensor, policy: BasePolicy) -> float:
    """
    :param scalar: a function of the policy's parameters θ
    :param policy: the policy; θ are its actor's alone where that is a network of its own, as SAC's: the loss of the
        actor is a function of the critics' parameters too, and does not move them
    :return: ‖∇θ scalar‖
    """
    if not scalar.requires_grad:
        return 0.0
    parameters = [parameter for parameter in acting_part(policy)[1].parameters() if parameter.requires_grad]
    gradients = th.autograd.grad(scalar, parameters, retain_graph=True, allow_unused=True)
    norms = [gradient.norm() for gradient in gradients if gradient is not None]
    return float(th.stack(norms).norm()) if norms else 0.0


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


def _present_and_near(policy: BasePolicy, states: Any) -> list[Law]:
    """:return: the policy's law, and that of one which has learned a little"""
    laws = [law_at(policy, states)]
    with Snapshot.near(policy).instead(policy):
        laws.append(law_at(policy, states))
    return laws


def _sampled(space: spaces.Space[Any]) -> Any:
    """:return: an observation; nobody's generator has moved"""
    own = copy.deepcopy(space)
    own.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # bounds of ±1.8e308 are too far apart for NumPy
        return own.sample()
