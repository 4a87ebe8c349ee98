"""θ of a policy: by name, as a snapshot, and as one vector."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch as th
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.td3.policies import TD3Policy
from torch import nn

from sb3_entropy.distributions.laws import Law
from sb3_entropy.errors import check_choice
from sb3_entropy.policies.compiled import by_plain_names, plain_name, uncompiled
from sb3_entropy.policies.laws import SQUASHED, law_at
from sb3_entropy.policies.looking import evaluated

#: what the names of parameters begin with that the actions do not depend on
CRITICS = (
    "value_net.",
    "mlp_extractor.value_net.",
    "vf_features_extractor.",
    "critic.",
    "critic_target.",
    "actor_target.",
    "q_net_target.",
    "quantile_net_target.",
)


def acting_part(policy: BasePolicy) -> tuple[str, BasePolicy]:
    """
    :param policy: a policy
    :return: the module that its law is computed by, and what the names of its parameters begin with in the policy: the
        actor of SAC, TQC, CrossQ, TD3 and DDPG, critics being networks of their own; of any other the whole policy,
        whose networks may share what they like
    """
    policy = uncompiled(policy)
    return ("actor.", policy.actor) if isinstance(policy, (*SQUASHED, TD3Policy)) else ("", policy)


class Snapshot:
    """
    θ of a policy at one time, its buffers included. It is pickled as NumPy arrays, so that it can be read on a machine
    without the device that made it.

    :param policy: the policy, of which copies are taken
    :param device: where they are kept; None for where the policy is
    """

    def __init__(self, policy: BasePolicy, device: th.device | str | None = None):
        self.tensors = _copied(by_plain_names(policy.state_dict()), device)

    def __getstate__(self) -> dict[str, np.ndarray]:
        return {name: tensor.cpu().numpy() for name, tensor in self.tensors.items()}

    def __setstate__(self, arrays: dict[str, np.ndarray]) -> None:
        # What comes from shared memory is read-only, which PyTorch's tensors cannot be.
        own = {name: array if array.flags.writeable else array.copy() for name, array in arrays.items()}
        self.tensors = {name: th.as_tensor(array) for name, array in own.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Snapshot":
        """:return: the one that these are, by the names that they have in a policy"""
        snapshot = cls.__new__(cls)
        snapshot.__setstate__(dict(arrays))
        return snapshot

    @classmethod
    def of_actor(cls, policy: BasePolicy) -> "Snapshot":
        """
        :param policy: the policy, of which copies are taken
        :return: one of what the law depends on, see :func:`acting_part`, which is all that :meth:`law` needs: of SAC's
            policy a fifth
        """
        snapshot = cls.__new__(cls)
        snapshot.tensors = _copied(_state_of_actor(policy))
        return snapshot

    @classmethod
    def near(cls, policy: BasePolicy) -> "Snapshot":
        """:return: one of an actor that has learned a little: what is learned is a hundredth larger, and shifted"""
        snapshot = cls.of_actor(policy)
        prefix, part = acting_part(policy)
        for name, parameter in part.named_parameters(remove_duplicate=False):
            if parameter.requires_grad:
                snapshot.tensors[prefix + plain_name(name)].mul_(1.01).add_(0.01)
        return snapshot

    def averaged_with(self, policy: BasePolicy, decay: float) -> "Snapshot":
        """
        :param policy: whose parameters θ are
        :param decay: in [0, 1)
        :return: decay · (these) + (1 − decay) · θ
        """
        average = Snapshot.of_actor(policy) if self._is_of_actor(policy) else Snapshot(policy)
        for name, tensor in average.tensors.items():
            if tensor.is_floating_point():
                tensor.mul_(1 - decay).add_(self.tensors[name].to(tensor.device), alpha=decay)
        return average

    def put_into(self, policy: BasePolicy) -> None:
        """
        :param policy: a policy of the same architecture; it gets these parameters and buffers, bit for bit
        :raises ValueError: if its architecture is another
        """
        own = self._fitting(policy)
        with th.no_grad():
            for name, tensor in own.items():
                tensor.copy_(self.tensors[name])

    @contextmanager
    def instead(self, policy: BasePolicy) -> Iterator[None]:
        """
        These parameters in a policy, and its own back again, also after an exception.

        :param policy: a policy of the same architecture
        :raises ValueError: if its architecture is another
        """
        own = self._fitting(policy)
        prefix, part = acting_part(policy) if self._is_of_actor(policy) else ("", policy)
        others = {name.removeprefix(prefix): tensor.to(own[name].device) for name, tensor in self.tensors.items()}
        with exchanged(part, others):
            yield

    def law(self, policy: BasePolicy, observations: Any) -> Law:
        """
        :param policy: a policy of the same architecture; it is left as it is
        :param observations: B states, as tensors
        :return: what the policy with these parameters would do in them, without gradient
        :raises ValueError: if the parameters are another architecture's
        """
        with evaluated(acting_part(policy)[1]), th.no_grad(), self.instead(policy):
            return law_at(policy, observations)

    def misfit(self, policy: BasePolicy) -> str | None:
        """
        :param policy: a policy
        :return: in what its architecture is another, at the first name; None if it is the same
        """
        return self._difference(self._counterpart(policy))

    def _difference(self, own: Mapping[str, th.Tensor]) -> str | None:
        there = {name: tensor.shape for name, tensor in own.items()}
        here = {name: tensor.shape for name, tensor in self.tensors.items()}
        if there == here:
            return None
        name = next(name for name in dict.fromkeys((*there, *here)) if there.get(name) != here.get(name))
        kept, has = (f"the shape {tuple(of[name])}" if name in of else "none" for of in (here, there))
        return f"For {name!r} the snapshot has {kept}, and the policy has {has}"

    def _fitting(self, policy: BasePolicy) -> dict[str, th.Tensor]:
        own = self._counterpart(policy)
        if (difference := self._difference(own)) is not None:
            raise ValueError(
                "The parameters do not fit the policy's network: they are of another policy, or it has been exchanged. "
                f"{difference}. Take a snapshot of this one, or make the regularizers anew that hold one."
            )
        return own

    def _is_of_actor(self, policy: BasePolicy) -> bool:
        """Whether it holds no more than what acts; of a policy that acts as a whole it always does."""
        prefix, _ = acting_part(policy)
        return all(name.startswith(prefix) for name in self.tensors)

    def _counterpart(self, policy: BasePolicy) -> dict[str, th.Tensor]:
        """What in the policy it is a snapshot of, by plain name."""
        return _state_of_actor(policy) if self._is_of_actor(policy) else by_plain_names(policy.state_dict())


def _state_of_actor(policy: BasePolicy) -> dict[str, th.Tensor]:
    """:return: parameters and buffers of what acts, by the plain names that they have in the policy"""
    prefix, part = acting_part(policy)
    return {prefix + name: tensor for name, tensor in by_plain_names(part.state_dict()).items()}


def _copied(state: Mapping[str, th.Tensor], device: th.device | str | None = None) -> dict[str, th.Tensor]:
    return {
        name: tensor.detach().to(tensor.device if device is None else device, copy=True)
        for name, tensor in state.items()
    }


class ParameterVector:
    """
    The parameters of a policy as one vector θ ∈ ℝᴾ, in the order in which the policy names them. Buffers, such as the
    running means of a normalisation, are none.

    :param policy: a policy
    :param which: ``"actor"`` for those that its actions depend on, which a shared features extractor is one of, or
        ``"all"``. What belongs to values alone is told by Stable-Baselines3's names of networks
    :raises ValueError: if ``which`` is neither
    """

    def __init__(self, policy: BasePolicy, which: str = "actor"):
        check_choice("which", which, ("actor", "all"))
        self.policy: BasePolicy = uncompiled(policy)
        of_critics = CRITICS if which == "actor" else ()
        #: by plain name
        self.shapes: dict[str, tuple[int, ...]] = {
            plain_name(name): tuple(parameter.shape)
            for name, parameter in self.policy.named_parameters()
            if not plain_name(name).startswith(of_critics)
        }

    @property
    def size(self) -> int:
        """:return: P"""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def get(self) -> th.Tensor:
        """:return: a copy of θ, shape (P,), on the policy's device, without gradient"""
        return th.cat([parameter.detach().reshape(-1) for parameter in self._held().values()])

    def set(self, theta: th.Tensor) -> None:
        """
        :param theta: θ, shape (P,), which the policy has from now on
        :raises ValueError: if it has another shape
        """
        parts = self._split(theta.detach())
        with th.no_grad():
            for name, parameter in self._held().items():
                parameter.copy_(parts[name])

    @contextmanager
    def at(self, theta: th.Tensor) -> Iterator[None]:
        """
        The policy with other parameters, and with its own again afterwards, also after an exception. Its own are not
        touched, so that they come back bit for bit. What is computed inside has a gradient with respect to ``theta``.

        :param theta: θ, shape (P,), where the policy is
        :raises ValueError: if it has another shape
        """
        parts = self._split(theta)
        held = {id(parameter): name for name, parameter in self._held().items()}
        # A parameter may have several names, as those of a shared features extractor have.
        every = self.policy.named_parameters(remove_duplicate=False)
        others = {plain_name(name): parts[held[id(own)]] for name, own in every if id(own) in held}
        with exchanged(self.policy, others):
            yield

    def _held(self) -> dict[str, th.Tensor]:
        named = by_plain_names(dict(self.policy.named_parameters()))
        return {name: named[name] for name in self.shapes}

    def _split(self, theta: th.Tensor) -> dict[str, th.Tensor]:
        if tuple(theta.shape) != (self.size,):
            raise ValueError(f"theta must have the shape ({self.size},), but {tuple(theta.shape)} was given.")
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        parts = zip(self.shapes.items(), theta.split(sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}


@contextmanager
def exchanged(module: nn.Module, tensors: Mapping[str, th.Tensor]) -> Iterator[None]:
    """
    Other tensors in the place of a module's parameters and buffers, and its own back again.

    ``torch.func.functional_call`` does that too, but in torch 2.13 it gives a module that stands under two names, as a
    shared features extractor does, the other tensors back.

    :param module: a module
    :param tensors: by plain name; what is not named stays
    """
    own: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for prefix, part in module.named_modules():  # each once, whatever its names
            for held in (part._parameters, part._buffers):
                for name in held:
                    other = tensors.get(plain_name(f"{prefix}.{name}" if prefix else name))
                    if other is not None:
                        own.append((held, name, held[name]))
                        held[name] = other
        yield
    finally:
        for held, name, tensor in own:
            held[name] = tensor
