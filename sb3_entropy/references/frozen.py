"""A policy that does not change: another model's, or the one that has made a log."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file

from sb3_entropy.distributions.laws import Finite, Law, uniform_law
from sb3_entropy.handed_over import owned
from sb3_entropy.offline import LoggedFeedback
from sb3_entropy.policies.compiled import by_plain_names, uncompiled
from sb3_entropy.policies.laws import SQUASHED, law_at
from sb3_entropy.policies.parameters import Snapshot
from sb3_entropy.references.base import Reference, WeightedLaws
from sb3_entropy.registry import REFERENCES
from sb3_entropy.unpickling.model_zip import checked_copy
from sb3_entropy.unpickling.unpickler import UntrustedError

#: policies whose actions have a probability or a density
_WITH_DENSITY: tuple[type[BasePolicy], ...] = (ActorCriticPolicy, *SQUASHED)
#: networks of an off-policy policy that its actions do not depend on, and that are not kept
_CRITICS = frozenset({"critic", "critic_target"})


@REFERENCES.register("frozen")
class FrozenPolicy(Reference):
    """
    The policy of a saved model, or the behaviour policy of a log.

    It is read once, and saved with the model that it regularises: the file is not needed afterwards. It must have the
    spaces of the policy that it is compared with; its networks may differ. It sees the observations that the algorithm
    sees: normalised ones under ``VecNormalize``, with the statistics of this training.

    Of a log it is what was really played, b(a|s) ∝ ((1 − ε) π(a|s) + ε/A) · 1[a ∈ support].

    :param policy: the file of a model that Stable-Baselines3 or this package has saved (``.zip``), the file of a
        :class:`~sb3_entropy.offline.LoggedFeedback` that holds its behaviour policy (``.npz``), a model, or a policy:
        an actor-critic policy, or that of SAC, TQC or CrossQ, of which the actor alone is kept
    :raises FileNotFoundError: if there is no such file
    :raises TypeError: if it is none of these
    :raises ValueError: if the file holds no such policy
    """

    def __init__(self, policy: str | Path | BaseAlgorithm | BasePolicy):
        self._played = Played()
        source: Any = uncompiled(policy.policy if isinstance(policy, BaseAlgorithm) else policy)
        if isinstance(source, (str, Path)):
            source, self._played = _read(Path(source))
        if source is not None and not isinstance(source, _WITH_DENSITY):
            raise TypeError(
                "reference='frozen' needs the file of a saved model or of a log, a model, or a policy: an "
                f"ActorCriticPolicy, or that of SAC, TQC or CrossQ, but {policy!r} was given."
            )
        self._make: tuple[type[BasePolicy], dict[str, Any], Snapshot] | None = None
        if source is not None:
            arguments = owned(source._get_constructor_parameters())
            arguments["lr_schedule"] = _no_learning
            if hasattr(source, "share_features_extractor"):
                # Stable-Baselines3 leaves it out, and a policy that shares would act with the value's extractor.
                arguments["share_features_extractor"] = source.share_features_extractor
            self._make = type(source), arguments, Snapshot.of_actor(source)
        self._policy: BasePolicy | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_policy": None}

    def begin(self, policy: BasePolicy) -> None:
        """
        :param policy: the algorithm's policy
        :raises ValueError: if the frozen policy has other observations or actions
        """
        self._played.check(policy.action_space)
        if self._make is None:
            return
        cls, arguments, snapshot = self._make
        for name in ("action_space", "observation_space"):
            frozen, own = arguments[name], getattr(policy, name)
            if frozen != own:
                raise ValueError(
                    f"The frozen reference has the {name.replace('_', ' ')} {frozen}, but the policy has {own}. Give "
                    "a reference that was trained in an environment with the same spaces."
                )
        with th.random.fork_rng(devices=[]):  # its initial parameters are drawn, and thrown away
            self._policy = cls(**arguments)
        snapshot.put_into(self._policy)
        self._policy.to(policy.device).set_training_mode(False)
        if isinstance(self._policy, SQUASHED):
            for name in _CRITICS & dict(self._policy.named_children()).keys():
                delattr(self._policy, name)

    def laws(self, policy: BasePolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: the frozen policy's law
        """
        if self._policy is None:
            q: Law = uniform_law(policy.action_space, p.batch, th.zeros(1, device=policy.device))
        else:
            with th.no_grad():
                q = law_at(self._policy, observations)
        return [(1.0, self._played.of(q))]


@dataclass(frozen=True)
class Played:
    """
    What a log's actions were, beside the model's own.

    :param epsilon: ε, the share of uniform actions
    :param support: the actions that could be played; None for all
    :param n_actions: A; 0 if it is not a log
    """

    epsilon: float = 0.0
    support: tuple[int, ...] | None = None
    n_actions: int = 0

    def check(self, action_space: Any) -> None:
        """
        :param action_space: the algorithm's
        :raises ValueError: if the log's actions are others
        """
        if self.n_actions and getattr(action_space, "n", None) != self.n_actions:
            raise ValueError(
                f"The frozen reference is of a log with {self.n_actions} actions, but the policy has the action space "
                f"{action_space}. Give the log of an environment with the same actions."
            )

    def of(self, q: Law) -> Law:
        """
        :param q: the law of the model that played
        :return: b ∝ ((1 − ε) q + ε/A) · 1[a ∈ support]
        :raises ValueError: if that is nothing in some state
        """
        if self.epsilon == 0 and self.support is None:
            return q
        assert isinstance(q, Finite)
        played = (1 - self.epsilon) * q.log_probs[0].exp() + self.epsilon / self.n_actions
        if self.support is not None:
            allowed = th.zeros_like(played)
            allowed[:, list(self.support)] = 1
            played = played * allowed
        sums = played.sum(dim=1, keepdim=True)
        if not (sums > 0).all():
            raise ValueError(
                f"In some state the log's policy gives none of the actions {self.support} that it allows a "
                "probability: it could not have been played there."
            )
        return Finite(((played / sums).log(),))


#: what a policy is made of
_FIELDS = frozenset({"policy_class", "observation_space", "action_space", "use_sde", "policy_kwargs"})


def _no_learning(progress_remaining: float) -> float:
    return 0.0


def _read(path: Path) -> tuple[BasePolicy | None, Played]:
    found = next((file for file in (path, Path(f"{path}.zip")) if file.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"There is no reference policy at {path} or {path}.zip. Correct the path.")
    if found.suffix != ".npz":
        return _read_model(found, found), Played()
    log = LoggedFeedback.load(found)
    support = None if log.support is None else tuple(map(int, log.support))
    played = Played(log.epsilon, support, log.n_actions)
    if log.policy is None:
        if log.epsilon == 1:
            return None, played
        raise ValueError(
            f"The log {found} does not hold the policy that has made it. Collect it with collect_log, which stores "
            "the policy, or give the file of a saved model."
        )
    return _read_model(io.BytesIO(log.policy), found), played


def _read_model(file: Path | io.BytesIO, found: Path) -> BasePolicy:
    try:
        data, parameters, _ = load_from_zip_file(checked_copy(file, str(found), _FIELDS.__contains__), device="cpu")
        assert data is not None
        cls = data["policy_class"]
        if not (isinstance(cls, type) and issubclass(cls, _WITH_DENSITY)):
            name = getattr(cls, "__name__", cls)
            raise TypeError(f"its policy is a {name}, not an ActorCriticPolicy, nor that of SAC, TQC or CrossQ")
        with th.random.fork_rng(devices=[]):
            policy: BasePolicy = cls(
                data["observation_space"],
                data["action_space"],
                _no_learning,
                **{"use_sde": data.get("use_sde", False), **data["policy_kwargs"]},
            )
        policy.load_state_dict(by_plain_names(dict(parameters["policy"])))
    except UntrustedError as error:
        raise ValueError(
            f"{error.finding}. If it is to be trusted, load the model and give that: FrozenPolicy(PPO.load(path))."
        ) from error
    except Exception as error:
        raise ValueError(
            f"{found} holds no policy that can be read: {type(error).__name__}: {error}. Give the file of a model of "
            "A2C, PPO, TRPO, SAC, TQC, CrossQ or this package that was saved by Stable-Baselines3 or this package."
        ) from error
    return policy
