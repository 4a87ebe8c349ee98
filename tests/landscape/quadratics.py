"""Objectives whose slopes, curvatures and spectra are known."""

from collections.abc import Callable

import numpy as np

from sb3_entropy.landscape.inference import ProbeReturns

Array = np.ndarray


def sphere(directions: int, parameters: int, rng: np.random.Generator) -> Array:
    """Unit directions, shape (K, p)."""
    drawn = rng.normal(size=(directions, parameters))
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def toy(theta: Array) -> Array:
    """O(θ) = −(1 − θ₀θ₁)² (Ahmed et al. 2019, Figs. 1 and 2): eigenvalues −8.5 and 0 at (−½, −2)."""
    return -((1 - theta[..., 0] * theta[..., 1]) ** 2)


def quadratic(hessian: Array, gradient: Array) -> Callable[[Array], Array]:
    """O(θ) = gᵀθ + ½ θᵀHθ, of θ with the shape (..., p)."""
    return lambda theta: theta @ gradient + 0.5 * ((theta @ hessian) * theta).sum(axis=-1)


def probe(
    objective: Callable[[Array], Array],
    theta: Array,
    directions: Array,
    alpha: float,
    rng: np.random.Generator,
    n: int = 16,
    centre: int = 64,
    shared: float = 1.0,
    own: float = 0.1,
) -> ProbeReturns:
    """Returns with noise of an episode that all candidates share, and noise of their own, both log-normal about 0."""

    def noise(*size: int) -> Array:
        return np.exp(rng.normal(size=size)) - np.exp(0.5)

    common, count = shared * noise(centre), len(directions)
    plus = objective(theta + alpha * directions)[:, None] + common[:n] + own * noise(count, n)
    minus = objective(theta - alpha * directions)[:, None] + common[:n] + own * noise(count, n)
    return ProbeReturns(plus, minus, objective(theta) + common + own * noise(centre), alpha)
