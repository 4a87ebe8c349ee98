"""Flat parameters and their optimisers against PyTorch's own, step by step and bit for bit."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch as th
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from torch import nn

from sb3_entropy.algorithms.common.affine import Affine, Room, StackedAffine
from sb3_entropy.algorithms.common.flat import ALIGNMENT, FlatParameters
from sb3_entropy.algorithms.common.flat_optimizers import FLAT_OPTIMIZERS, Descent, why_not_flat
from sb3_entropy.algorithms.common.fused import rounded_descent

OPTIMIZERS: dict[str, Callable[[Any], th.optim.Optimizer]] = {
    "adam": lambda parameters: th.optim.Adam(parameters, lr=0.03, betas=(0.8, 0.95), eps=1e-5),
    "rmsprop": lambda parameters: th.optim.RMSprop(parameters, lr=0.03, alpha=0.9, eps=1e-5),
    "tf_like": lambda parameters: RMSpropTFLike(parameters, lr=0.03, alpha=0.9, eps=1e-3),
}


def module() -> nn.Module:
    """:return: a small one whose parameters have odd sizes"""
    th.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))


def gradients(step: int, shapes: list[th.Size]) -> list[th.Tensor]:
    """:return: one a parameter, some with a norm above 0.5"""
    generator = th.Generator().manual_seed(step)
    return [0.3 * th.randn(shape, generator=generator) for shape in shapes]


def theirs(model: nn.Module, optimizer: th.optim.Optimizer, steps: range, which: slice = slice(None)) -> None:
    """PyTorch's steps, on those parameters alone."""
    parameters = list(model.parameters())
    for step in steps:
        optimizer.zero_grad()
        made = gradients(step, [p.shape for p in parameters])
        for parameter, gradient in list(zip(parameters, made, strict=True))[which]:
            parameter.grad = gradient.clone()
        nn.utils.clip_grad_norm_(parameters, 0.5)
        optimizer.step()


def ours(flat: FlatParameters, descent: Descent, steps: range) -> None:
    """The same on the flat parameters of a descent."""
    descent.begin()
    for step in steps:
        made = gradients(step, [p.shape for p in flat.parameters])
        for parameter, gradient in zip(flat.parameters, made, strict=True):
            if any(parameter is own for own in descent.whole.parameters):
                flat.view(flat.gradients, parameter).copy_(gradient)
        descent.step(0.5, rounding=False)
    descent.end()


def assert_same(one: tuple[nn.Module, Any], other: tuple[nn.Module, Any]) -> None:
    """Parameters, gradients and the optimisers' states, bit for bit."""
    for a, b in zip(one[0].parameters(), other[0].parameters(), strict=True):
        assert th.equal(a, b)
        assert (a.grad is None) == (b.grad is None)
        assert a.grad is None or b.grad is None or th.equal(a.grad, b.grad)
    found, expected = one[1].state_dict()["state"], other[1].state_dict()["state"]
    assert found.keys() == expected.keys()
    for row, entries in expected.items():
        assert found[row].keys() == entries.keys()
        for name, value in entries.items():
            assert type(found[row][name]) is type(value)
            assert th.equal(th.as_tensor(found[row][name]), th.as_tensor(value)), (row, name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_steps_are_pytorchs_and_go_on_from_them(name: str) -> None:
    pairs = []
    for fast in (False, True):
        model = module()
        optimizer = OPTIMIZERS[name](model.parameters())
        theirs(model, optimizer, range(3), slice(2, None))  # the first layer has had fewer steps
        if fast:
            flat = FlatParameters(model.parameters())
            made = FLAT_OPTIMIZERS[type(optimizer)](optimizer, flat)
            parameters = list(model.parameters())
            descent = Descent(made, parameters, [parameters[:2], parameters[2:]])
            ours(flat, descent, range(3, 7))
            last = Descent(made, parameters[2:], [parameters[2:]])
            ours(flat, last, range(7, 9))
            for parameter in parameters[:2]:
                parameter.grad = None
            assert flat.holds()
            assert made.holds()
            made.release()
            flat.release()
            assert not flat.holds()
            assert all(p.untyped_storage().nbytes() == 4 * p.numel() for p in parameters)
        else:
            theirs(model, optimizer, range(3, 7))
            theirs(model, optimizer, range(7, 9), slice(2, None))
        theirs(model, optimizer, range(9, 11))  # PyTorch's own go on
        pairs.append((model, optimizer))
    assert_same(*pairs)


def test_parameters_are_views_and_begin_where_their_own_tensors_would() -> None:
    model = module()
    before = copy.deepcopy(model.state_dict())
    flat = FlatParameters(model.parameters())
    assert all(th.equal(value, before[name]) for name, value in model.state_dict().items())
    for parameter in model.parameters():
        assert (parameter.data_ptr() - flat.values.data_ptr()) % (4 * ALIGNMENT) == 0
        assert parameter.data_ptr() % (4 * ALIGNMENT) == 0
    flat.values.add_(1.0)
    assert all(th.equal(value, before[name] + 1) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: th.optim.SGD(p, lr=0.1), "SGD, and not one of Adam"),
        (lambda p: th.optim.AdamW(p, lr=0.1), "AdamW"),
        (lambda p: th.optim.Adam(p, lr=0.1, weight_decay=0.1), "weight_decay=0.1"),
        (lambda p: th.optim.Adam(p, lr=0.1, amsgrad=True), "amsgrad=True"),
        (lambda p: th.optim.Adam(p, lr=0.1, foreach=True), "foreach=True"),
        (lambda p: th.optim.Adam(p, lr=th.tensor(0.1)), "lr or eps"),
        (lambda p: th.optim.RMSprop(p, lr=0.1, centered=True), "centered=True"),
        (lambda p: th.optim.RMSprop(p, lr=0.1, momentum=0.5), "momentum=0.5"),
        (lambda p: th.optim.Adam([{"params": p[:2]}, {"params": p[2:]}], lr=0.1), "in one group"),
        (lambda p: th.optim.Adam(p[:2], lr=0.1), "in one group"),
    ],
)
def test_what_cannot_be_flat_is_named(make: Callable[[Any], th.optim.Optimizer], words: str) -> None:
    parameters = list(module().parameters())
    assert words in str(why_not_flat(make(parameters), parameters))
    assert why_not_flat(OPTIMIZERS["adam"](parameters), parameters) is None


def test_hooks_are_seen() -> None:
    parameters = list(module().parameters())
    optimizer = OPTIMIZERS["adam"](parameters)
    handle = optimizer.register_step_pre_hook(lambda *_: None)
    assert why_not_flat(optimizer, parameters) == "the optimizer has hooks"
    handle.remove()
    assert why_not_flat(optimizer, parameters) is None


def test_neighbours_without_gaps_are_one_matrix() -> None:
    layers = [nn.Linear(3, 5), nn.Linear(3, 2)]
    flat = FlatParameters([*(one.weight for one in layers), *(one.bias for one in layers)], alignment=1)
    affine = Affine(layers, flat)
    x, gradient = th.randn(4, 3), th.randn(4, 7)
    expected = th.cat([layer(x) for layer in layers], 1)
    th.testing.assert_close(affine.forward(x), expected.detach())
    theirs = th.autograd.grad(expected, [p for layer in layers for p in layer.parameters()], gradient)
    affine.backward(x, gradient)
    th.testing.assert_close([affine.weight_gradient[:5], affine.bias_gradient[:5]], list(theirs[:2]))
    th.testing.assert_close([affine.weight_gradient[5:], affine.bias_gradient[5:]], list(theirs[2:]))


@pytest.mark.parametrize(("n_in", "n_out"), [(2, 7), (7, 5), (6, 1)])
def test_layers_of_one_shape_are_one_product(n_in: int, n_out: int) -> None:
    layers = [nn.Linear(n_in, n_out) for _ in range(3)]
    flat = FlatParameters(p for layer in layers for p in layer.parameters())
    stacked = StackedAffine(layers, flat)
    x = th.randn(3, 4, n_in, requires_grad=True)
    expected = th.stack([layer(own) for layer, own in zip(layers, x, strict=True)])
    gradient = th.randn(3, 4, n_out)
    theirs = th.autograd.grad(expected, [x, *(p for layer in layers for p in layer.parameters())], gradient)
    th.testing.assert_close(stacked.forward(x.detach()), expected.detach())
    out = th.empty(3, 4, n_in)
    assert stacked.input_gradient(gradient, out) is out
    th.testing.assert_close(out, theirs[0])
    stacked.backward(x.detach(), gradient)
    found = [flat.view(flat.gradients, p) for layer in layers for p in layer.parameters()]
    th.testing.assert_close(found, list(theirs[1:]))


def test_room_is_the_same_for_one_use() -> None:
    room = Room()
    first = room.of("h", 2, 3).fill_(1.0)
    assert room.of("h", 2, 3) is first
    smaller = room.of("h", 4)
    assert smaller.data_ptr() == first.data_ptr()
    assert room.of("g", 2, 3).data_ptr() != first.data_ptr()
    larger = room.of("h", 4, 3)
    assert larger.shape == (4, 3)
    assert room.of("h", 4).data_ptr() == larger.data_ptr()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rounded_steps_of_a_part_alone_go_on_from_pytorchs(name: str) -> None:
    """In a flat tensor that holds another optimiser's parameters too."""
    pairs = []
    for fast in (False, True):
        model, beside = module(), module()
        optimizer = OPTIMIZERS[name](model.parameters())
        theirs(model, optimizer, range(3))
        if fast:
            flat = FlatParameters([*beside.parameters(), *model.parameters()])
            before = [p.clone() for p in beside.parameters()]
            descent = rounded_descent(optimizer, flat, model.parameters())
            for step in range(3, 7):
                made = gradients(step, [p.shape for p in model.parameters()])
                norm = float(th.stack([g.norm() for g in made]).norm())
                for parameter, gradient in zip(model.parameters(), made, strict=True):
                    flat.view(flat.gradients, parameter).copy_(gradient * min(0.5 / (norm + 1e-6), 1))
                descent.step_alone()
            assert descent.holds()
            assert all(th.equal(a, b) for a, b in zip(beside.parameters(), before, strict=True))
        else:
            theirs(model, optimizer, range(3, 7))
        theirs(model, optimizer, range(7, 9))
        pairs.append((list(model.parameters()), optimizer.state_dict()["state"]))
    th.testing.assert_close(pairs[1], pairs[0], rtol=1e-5, atol=1e-7)
