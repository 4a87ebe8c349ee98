"""
The optimisers of Stable-Baselines3's on-policy algorithms on flat parameters: the arithmetic of PyTorch's single-tensor
kernels, in the same order, in a call for all parameters where theirs take one each.

The optimiser itself stays, and its state: the tensors in it become views of flat ones.
"""

import itertools
import operator
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch as th
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from torch import nn
from torch.optim import Adam, Optimizer, RMSprop
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

from sb3_entropy.algorithms.common.flat import FlatParameters, FlatPart


class FlatOptimizer(ABC):
    """
    Steps on flat parameters, which the optimiser's own ``step`` could go on from at any time.

    :param optimizer: the policy's
    :param flat: its parameters
    """

    #: what it does the work of
    optimizer_class: ClassVar[type[Optimizer]]
    #: options and the only values with which it is the same
    plain: ClassVar[dict[str, tuple[Any, ...]]]
    #: tensors of its state, by name, and what they begin with
    begins: ClassVar[dict[str, float]]
    #: whether the state holds the number of steps as a tensor
    counts_in_tensors: ClassVar[bool] = True

    def __init__(self, optimizer: Optimizer, flat: FlatParameters):
        self.optimizer, self.flat = optimizer, flat
        self.group: dict[str, Any] = optimizer.param_groups[0]
        self.state = {name: th.full_like(flat.values, begin) for name, begin in self.begins.items()}
        self._counts = th.zeros(len(flat.parameters), dtype=th.float32, device="cpu")
        self._counts_array = self._counts.numpy()
        names = (*self.begins, "step") if self.counts_in_tensors else tuple(self.begins)
        self._tensors_of = operator.itemgetter(*names, names[0])  # of one name it would give no tuple
        self._views: list[dict[str, th.Tensor]] = []
        for row, parameter in enumerate(flat.parameters):
            views = {name: flat.view(self.state[name], parameter) for name in self.begins}
            if self.counts_in_tensors:
                views["step"] = self._counts[row]
            self._views.append(views)
            for name, view in views.items():
                if held := optimizer.state.get(parameter):
                    view.copy_(held[name])
                    held[name] = view
        self._see_state()

    def _see_state(self) -> None:
        self._state = self.optimizer.state
        self._entries = [self._state.get(parameter) or None for parameter in self.flat.parameters]
        self._held_ids = self._ids_held()

    def _ids_held(self) -> list[int] | None:
        """Of the entries and what is in them, if anything is; None if a tensor is missing."""
        entries = self._state.values()
        filled = filter(None, entries)
        try:
            held = list(map(id, itertools.chain.from_iterable(map(self._tensors_of, filled))))
        except KeyError:
            return None
        return [*map(id, entries), *map(len, entries), *held]

    def holds(self) -> bool:
        """:return: whether the optimiser's state still is these views"""
        is_same = self.optimizer.state is self._state and self._held_ids is not None
        return is_same and self._ids_held() == self._held_ids

    def is_loaded(self) -> bool:
        """:return: whether the optimiser has another state, as loading gives it: quicker than :meth:`holds`"""
        return self.optimizer.state is not self._state

    def release(self) -> None:
        """Give each parameter a state of its own again, with the same numbers."""
        for held, views in zip(self._entries, self._views, strict=True):
            if held is not None:
                held.update({name: held[name].clone() for name in views})

    def count(self, part: FlatPart) -> int | None:
        """:return: how many steps its parameters have had; None if some have had more than others"""
        if self.counts_in_tensors:
            counts = self._counts_array[part.rows].tolist()
        else:
            counts = [0 if held is None else held["step"] for held in self._entries[part.rows]]
        return int(counts[0]) if counts.count(counts[0]) == len(counts) else None

    def write_count(self, part: FlatPart, count: int) -> None:
        """Say in the optimiser's state how many steps a part has had, at least one."""
        if None in self._entries[part.rows]:
            for row in range(part.rows.start, part.rows.stop):
                if self._entries[row] is None:
                    self.optimizer.state[self.flat.parameters[row]].update({"step": 0, **self._views[row]})
            self._see_state()
        if self.counts_in_tensors:
            self._counts_array[part.rows] = count
            return
        for held in self._entries[part.rows]:
            assert held is not None
            held["step"] = count

    @abstractmethod
    def step(self, values: th.Tensor, gradients: th.Tensor, state: dict[str, th.Tensor], count: int) -> None:
        """
        One step.

        :param values: θ, shape (n,), written
        :param gradients: ∂L/∂θ, shape (n,)
        :param state: the optimiser's, (n,) each, written
        :param count: which step it is, from 1
        """


class Descent:
    """
    Steps of parameters that are descended together.

    :param optimizer: what takes them
    :param parameters: in the order of the policy
    :param parts: the same, in parts that may have had another number of steps before
    """

    def __init__(self, optimizer: FlatOptimizer, parameters: list[nn.Parameter], parts: list[list[nn.Parameter]]):
        self.optimizer = optimizer
        self.whole = optimizer.flat.part(parameters)
        self._parts = [self._with_state(optimizer.flat.part(part)) for part in parts]
        self._together = self._with_state(self.whole)

    def _with_state(self, part: FlatPart) -> tuple[FlatPart, dict[str, th.Tensor]]:
        return part, {name: flat[part.place] for name, flat in self.optimizer.state.items()}

    def holds(self) -> bool:
        """:return: whether the optimiser's state still is flat, and nobody else has taken a step with some of it"""
        return self.optimizer.holds() and self.optimizer.count(self.whole) is not None

    def begin(self) -> None:
        """Read how many steps there have been; parts that have had as many take theirs in one call."""
        self.optimizer.group = self.optimizer.optimizer.param_groups[0]
        together = self.optimizer.count(self.whole)
        self._taking = self._parts if together is None else [self._together]
        self._before = [self.optimizer.count(part) or 0 for part, _ in self._taking]
        self._taken = 0

    def step(self, max_grad_norm: float | None, rounding: bool) -> None:
        """
        One step.

        :param max_grad_norm: where the gradient's norm is clipped; None for nowhere
        :param rounding: whether that norm may differ in rounding
        """
        if max_grad_norm is not None:
            self.whole.clip_gradient(max_grad_norm, rounding)
        self._taken += 1
        for (part, state), before in zip(self._taking, self._before, strict=True):
            self.optimizer.step(part.values, part.gradients, state, before + self._taken)

    def step_alone(self) -> None:
        """One step without others: :meth:`begin`, :meth:`step`, :meth:`end`."""
        self.begin()
        self.step(None, rounding=True)
        self.end()

    def end(self) -> None:
        """Leave the optimiser's state, and the parameters' gradients, as its own steps would have."""
        if self._taken:
            self.whole.publish_gradients()
            for (part, _), before in zip(self._taking, self._before, strict=True):
                self.optimizer.write_count(part, before + self._taken)


class FlatAdam(FlatOptimizer):
    """
    Adam (Kingma & Ba 2015): m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε).
    """

    optimizer_class = Adam
    plain: ClassVar[dict[str, tuple[Any, ...]]] = {
        "weight_decay": (0,),
        "amsgrad": (False,),
        "maximize": (False,),
        "foreach": (None, False),
        "capturable": (False,),
        "differentiable": (False,),
        "fused": (None, False),
        "decoupled_weight_decay": (False,),
    }
    begins: ClassVar[dict[str, float]] = {"exp_avg": 0.0, "exp_avg_sq": 0.0}

    def __init__(self, optimizer: Optimizer, flat: FlatParameters):
        super().__init__(optimizer, flat)
        self._room = th.empty_like(flat.values)

    def step(self, values: th.Tensor, gradients: th.Tensor, state: dict[str, th.Tensor], count: int) -> None:
        group, mean, square = self.group, state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = group["betas"]
        mean.lerp_(gradients, 1 - beta1)
        square.mul_(beta2).addcmul_(gradients, gradients, value=1 - beta2)
        denominator = th.sqrt(square, out=self._room[: len(square)])
        denominator.div_((1 - beta2**count) ** 0.5).add_(group["eps"])
        values.addcdiv_(mean, denominator, value=-(group["lr"] / (1 - beta1**count)))


class FlatRMSpropTFLike(FlatOptimizer):
    """TensorFlow's RMSprop, as in Stable-Baselines3: v ← ρv + (1 − ρ)g², θ ← θ − η g / √(v + ε), v at first 1."""

    optimizer_class = RMSpropTFLike
    plain: ClassVar[dict[str, tuple[Any, ...]]] = {"weight_decay": (0,), "momentum": (0,), "centered": (False,)}
    begins: ClassVar[dict[str, float]] = {"square_avg": 1.0}
    counts_in_tensors = False

    def step(self, values: th.Tensor, gradients: th.Tensor, state: dict[str, th.Tensor], count: int) -> None:
        group, square = self.group, state["square_avg"]
        square.mul_(group["alpha"]).addcmul_(gradients, gradients, value=1 - group["alpha"])
        values.addcdiv_(gradients, square.add(group["eps"]).sqrt_(), value=-group["lr"])


class FlatRMSprop(FlatOptimizer):
    """RMSprop as in PyTorch: v ← ρv + (1 − ρ)g², θ ← θ − η g / (√v + ε), v at first 0."""

    optimizer_class = RMSprop
    plain: ClassVar[dict[str, tuple[Any, ...]]] = {
        "weight_decay": (0,),
        "momentum": (0,),
        "centered": (False,),
        "maximize": (False,),
        "foreach": (None, False),
        "capturable": (False,),
        "differentiable": (False,),
    }
    begins: ClassVar[dict[str, float]] = {"square_avg": 0.0}

    def step(self, values: th.Tensor, gradients: th.Tensor, state: dict[str, th.Tensor], count: int) -> None:
        group, square = self.group, state["square_avg"]
        square.mul_(group["alpha"]).addcmul_(gradients, gradients, value=1 - group["alpha"])
        values.addcdiv_(gradients, square.sqrt().add_(group["eps"]), value=-group["lr"])


class NoSteps(Optimizer):
    """
    An optimiser that leaves the parameters as they are, where somebody else descends the gradients that they have.

    :param params: the parameters
    :param lr: of no consequence
    """

    def __init__(self, params: Any, lr: float = 0.0):
        super().__init__(params, {"lr": lr})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take none."""


class FlatNoSteps(FlatOptimizer):
    """The same."""

    optimizer_class = NoSteps
    plain: ClassVar[dict[str, tuple[Any, ...]]] = {}
    begins: ClassVar[dict[str, float]] = {}

    def step(self, values: th.Tensor, gradients: th.Tensor, state: dict[str, th.Tensor], count: int) -> None:
        """Take none."""


FLAT_OPTIMIZERS: dict[type[Optimizer], type[FlatOptimizer]] = {
    cls.optimizer_class: cls for cls in (FlatAdam, FlatRMSprop, FlatRMSpropTFLike, FlatNoSteps)
}


def why_not_flat(optimizer: Optimizer, parameters: list[nn.Parameter]) -> str | None:
    """
    :param optimizer: a policy's
    :param parameters: the policy's, in its order
    :return: why its steps cannot be taken on flat parameters; None if they can
    """
    made = FLAT_OPTIMIZERS.get(type(optimizer))
    if made is None:
        known = " and ".join(cls.__name__ for cls in FLAT_OPTIMIZERS if cls is not NoSteps)
        return f"the optimizer is {type(optimizer).__name__}, and not one of {known}"
    group = optimizer.param_groups[0]
    if len(optimizer.param_groups) > 1 or [id(p) for p in group["params"]] != [id(p) for p in parameters]:
        return "the optimizer's parameters are not the policy's, in one group"
    given = {name: group.get(name, values[0]) for name, values in made.plain.items()}
    other = [f"{name}={value!r}" for name, value in given.items() if value not in made.plain[name]]
    if other or not isinstance(group["lr"], float | int) or group.get("eps", 1.0) <= 0:
        return f"the optimizer has options of its own: {', '.join(other) or 'lr or eps'}"
    if _global_optimizer_pre_hooks or _global_optimizer_post_hooks:
        return "there are hooks on all optimizers"
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks or "step" in vars(optimizer):
        return "the optimizer has hooks"
    return None
