"""A policy that does not change: another model's, or the one that has made a log."""

import io
from pathlib import Path
from typing import Any

import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.save_util import load_from_zip_file

from sb3_entropy.distributions.laws import Law, law_of
from sb3_entropy.offline import LoggedFeedback
from sb3_entropy.references.base import Reference, WeightedLaws
from sb3_entropy.references.snapshots import Snapshot
from sb3_entropy.registry import REFERENCES


@REFERENCES.register("frozen")
class FrozenPolicy(Reference):
    """
    The policy of a saved model, or the behaviour policy of a log.

    It is read once, and saved with the model that it regularises: the file is not needed afterwards. It must have the
    spaces of the policy that it is compared with; its networks may differ. It sees the observations that the algorithm
    sees: normalised ones under ``VecNormalize``, with the statistics of this training.

    :param policy: the file of a model that Stable-Baselines3 or this package has saved (``.zip``), the file of a
        :class:`~sb3_entropy.offline.LoggedFeedback` that holds its behaviour policy (``.npz``), a model, or a policy
    :raises FileNotFoundError: if there is no such file
    :raises TypeError: if it is none of these
    :raises ValueError: if the file holds no actor-critic policy
    """

    def __init__(self, policy: str | Path | BaseAlgorithm | ActorCriticPolicy):
        source = policy.policy if isinstance(policy, BaseAlgorithm) else policy
        if isinstance(source, (str, Path)):
            source = _read(Path(source))
        if not isinstance(source, ActorCriticPolicy):
            raise TypeError(
                "reference='frozen' needs the file of a saved model or of a log, a model, or an ActorCriticPolicy, but "
                f"{policy!r} was given."
            )
        self._class = type(source)
        self._arguments = source._get_constructor_parameters()
        self._arguments["lr_schedule"] = _no_learning
        self._snapshot = Snapshot(source)
        self._policy: ActorCriticPolicy | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_policy": None}

    def begin(self, policy: ActorCriticPolicy) -> None:
        """
        :param policy: the algorithm's policy
        :raises ValueError: if the frozen policy has other observations or actions
        """
        for name in ("action_space", "observation_space"):
            frozen, own = self._arguments[name], getattr(policy, name)
            if frozen != own:
                raise ValueError(
                    f"The frozen reference has the {name.replace('_', ' ')} {frozen}, but the policy has {own}. Give "
                    "a reference that was trained in an environment with the same spaces."
                )
        with th.random.fork_rng(devices=[]):  # its initial parameters are drawn, and thrown away
            self._policy = self._class(**self._arguments)
        self._policy.load_state_dict(self._snapshot.tensors)
        self._policy.to(policy.device).set_training_mode(False)

    def laws(self, policy: ActorCriticPolicy, observations: Any, p: Law) -> WeightedLaws:
        """
        :param policy: the algorithm's policy
        :param observations: B states, as tensors
        :param p: the policy's law in them
        :return: the frozen policy's law
        """
        assert self._policy is not None
        with th.no_grad():
            return [(1.0, law_of(self._policy.get_distribution(observations), policy.action_space))]


def _no_learning(progress_remaining: float) -> float:
    return 0.0


def _read(path: Path) -> ActorCriticPolicy:
    found = next((file for file in (path, Path(f"{path}.zip")) if file.is_file()), None)
    if found is None:
        raise FileNotFoundError(f"There is no reference policy at {path} or {path}.zip. Correct the path.")
    file: Path | io.BytesIO = found
    if found.suffix == ".npz":
        saved = LoggedFeedback.load(found).policy
        if saved is None:
            raise ValueError(
                f"The log {found} does not hold the policy that has made it. Collect it with collect_log, which stores "
                "the policy, or give the file of a saved model."
            )
        file = io.BytesIO(saved)
    try:
        data, parameters, _ = load_from_zip_file(file, device="cpu")
        assert data is not None
        with th.random.fork_rng(devices=[]):
            policy = data["policy_class"](
                data["observation_space"],
                data["action_space"],
                _no_learning,
                **{"use_sde": data.get("use_sde", False), **data["policy_kwargs"]},
            )
        policy.load_state_dict(parameters["policy"])
    except Exception as error:
        raise ValueError(
            f"{found} holds no policy that can be read: {type(error).__name__}: {error}. Give the file of a model that "
            "was saved by Stable-Baselines3 or this package."
        ) from error
    if not isinstance(policy, ActorCriticPolicy):
        raise ValueError(
            f"{found} holds a {type(policy).__name__}, but a reference must be an ActorCriticPolicy: a model of SPG, "
            "SA2C, SPPO, STRPO, A2C, PPO or TRPO."
        )
    return policy
