"""Parameters whose values and gradients stand in one tensor each, so that one call does what one a parameter did."""

from collections.abc import Iterable, Sequence

import torch as th
from torch import nn

#: numbers of 4 bytes in 64 bytes, at which PyTorch's allocator begins: MKL's sums depend on it in the last place
ALIGNMENT = 16


class FlatParameters:
    """
    Values and gradients of parameters, (n,) each, of which the parameters and their ``grad`` are views.

    ``state_dict``, optimisers and callbacks go on as before: they read and write the same numbers. Each parameter
    begins at a multiple of 64 bytes, as one of its own would; what lies between is 0 and stays 0.

    :param parameters: float32, dense, on the CPU, each once, those side by side that are descended together
    :param alignment: where a parameter may begin, in numbers; 1 for no gaps, so that neighbours can be one matrix
    """

    def __init__(self, parameters: Iterable[nn.Parameter], alignment: int = ALIGNMENT):
        self.parameters = list(parameters)
        self._rows = {id(parameter): row for row, parameter in enumerate(self.parameters)}
        self._places: dict[int, slice] = {}
        end = 0
        for parameter in self.parameters:
            begin = -(-end // alignment) * alignment
            end = begin + parameter.numel()
            self._places[id(parameter)] = slice(begin, end)
        #: θ, shape (n,)
        self.values = th.zeros(end, dtype=th.float32, device="cpu")
        #: ∂L/∂θ, shape (n,)
        self.gradients = th.zeros_like(self.values)
        for parameter in self.parameters:
            view = self.view(self.values, parameter)
            view.copy_(parameter.data)
            parameter.data = view
        self._pointers = [parameter.data_ptr() for parameter in self.parameters]

    def view(self, flat: th.Tensor, parameter: nn.Parameter) -> th.Tensor:
        """
        :param flat: shape (n,)
        :param parameter: one of them
        :return: what of it is the parameter's, in its shape
        """
        return flat[self._places[id(parameter)]].view(parameter.shape)

    def rows(self, flat: th.Tensor, parameters: Sequence[nn.Parameter]) -> th.Tensor:
        """
        :param flat: shape (n,)
        :param parameters: neighbours without a gap, of shape (nᵢ, …) each
        :return: what of it is theirs, one below the other, shape (Σ nᵢ, …)
        """
        first, last = (self._places[id(parameters[end])] for end in (0, -1))
        return flat[first.start : last.stop].view(-1, *parameters[0].shape[1:])

    def stack(self, flat: th.Tensor, parameters: Sequence[nn.Parameter]) -> th.Tensor:
        """
        :param flat: shape (n,)
        :param parameters: E of one shape, at equal distances
        :return: what of it is theirs, shape (E, …), a view
        """
        begins = [self._places[id(parameter)].start for parameter in parameters]
        distance = begins[1] - begins[0] if len(begins) > 1 else 0
        view = self.view(flat, parameters[0])
        return view.as_strided((len(begins), *view.shape), (distance, *view.stride()))

    def holds(self) -> bool:
        """:return: whether the parameters still are these views: loading may have given one a tensor of its own"""
        return list(map(th.Tensor.data_ptr, self.parameters)) == self._pointers

    def release(self) -> None:
        """Give each parameter and each gradient a tensor of its own again, with the same numbers."""
        for parameter in self.parameters:
            parameter.data = parameter.data.clone()
            if parameter.grad is not None:
                parameter.grad = parameter.grad.clone()

    def part(self, parameters: Sequence[nn.Parameter]) -> "FlatPart":
        """
        :param parameters: some that are neighbours, in the order of the policy
        :return: what is descended together
        """
        places = [self._places[id(parameter)] for parameter in parameters]
        place = slice(min(own.start for own in places), max(own.stop for own in places))
        rows = [self._rows[id(parameter)] for parameter in parameters]
        return FlatPart(self, list(parameters), place, slice(min(rows), max(rows) + 1))


class FlatPart:
    """
    Neighbours among flat parameters that have a gradient in a loss.

    :param flat: all of them
    :param parameters: these, in the order of the policy
    :param place: where they stand
    :param rows: which they are, in the flat order
    """

    def __init__(self, flat: FlatParameters, parameters: list[nn.Parameter], place: slice, rows: slice):
        self.parameters = parameters
        self.place, self.rows = place, rows
        self.values, self.gradients = flat.values[place], flat.gradients[place]
        self.each_gradient = [flat.view(flat.gradients, parameter) for parameter in parameters]

    def publish_gradients(self) -> None:
        """Let each parameter's ``grad`` be its part of the gradient."""
        for parameter, gradient in zip(self.parameters, self.each_gradient, strict=True):
            if parameter.grad is not gradient:
                parameter.grad = gradient

    def clip_gradient(self, max_norm: float, rounding: bool) -> None:
        """
        ``torch.nn.utils.clip_grad_norm_``, bit for bit: the norm of the parameters' norms.

        :param max_norm: the largest norm that the gradient may have
        :param rounding: whether it may be the norm of all at once
        """
        if rounding:
            norm = th.linalg.vector_norm(self.gradients)
        else:
            norm = th.linalg.vector_norm(th.stack(th._foreach_norm(self.each_gradient)))
        self.gradients.mul_((max_norm / (norm + 1e-6)).clamp_(max=1.0))
