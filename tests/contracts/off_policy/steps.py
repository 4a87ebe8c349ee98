"""One gradient step, looked at: the gradients with which the optimisers were called, and its random numbers."""

from typing import Any

import numpy as np
import torch as th


def gradients_of(optimizer: th.optim.Optimizer) -> list[list[th.Tensor]]:
    """:return: what will hold the gradients of each coming step, before that step"""
    seen: list[list[th.Tensor]] = []
    held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    optimizer.register_step_pre_hook(lambda *_: seen.append([parameter.grad.clone() for parameter in held]))
    return seen


def seed_all(seed: int) -> None:
    """Of the global generators that a gradient step draws from."""
    np.random.seed(seed)
    th.manual_seed(seed)


def at_rest(model: Any) -> Any:
    """:return: the model; its parameters stay where they are from now on"""
    model.learning_rate = 0.0
    model.tau = 0.0
    return model


def close(found: list[th.Tensor], expected: list[th.Tensor], tolerance: float = 1e-6) -> bool:
    """:return: whether all are, by the largest of their entries"""
    scale = max(float(tensor.abs().max()) for tensor in expected)
    assert scale > 1e-4, "nothing is compared"
    within = tolerance * max(1.0, scale)
    return all(th.allclose(a, b, atol=within, rtol=0) for a, b in zip(found, expected, strict=True))
