"""
What is optimal in the bifurcation for a policy that is also paid α times its entropy, and what that policy earns.

A reward is paid at the second step, after which nothing follows. So in state 1 V₁(α) = max_π E[r(a)] + αH(π), and in
state 2 V₂(α) = sure + α max H, whatever the discount is. Of all policies, those of Boltzmann,

    V₁ = α log ∫ exp(r(a)/α) da = α log(2h e^(inside/α) + (2 − 2h) e^(outside/α)),   V₂ = sure + α log 2.

Of tanh-Gaussians neither has a closed form: V₁ = max_σ outside + (inside − outside)·(2Φ(artanh(h)/σ) − 1) + αH(0, σ).
In state 0 what is chosen between is γV₁ and γV₂.

**The crossover.** With H* the greatest entropy of the family, V₁ − V₂ = max_π E[r] − sure − α(H* − H(π)) is a maximum
of straight lines that do not rise: it does not rise with α, and is convex. It falls from inside − sure to what the
policy of the greatest entropy earns in state 1 less sure. So where the former is positive and the latter negative,
there is one α at which it is 0: below it state 1 is preferred, above it state 2, at any discount.
"""

from dataclasses import dataclass

from scipy.optimize import brentq

from sb3_entropy.errors import MisfitError, check_choice, check_number
from sb3_entropy_bifurcation.families import Boltzmann, Choice, Family, TanhGaussian
from sb3_entropy_bifurcation.tree import Tree

FAMILIES: dict[str, Family] = {"boltzmann": Boltzmann(), "tanh_gaussian": TanhGaussian()}


@dataclass(frozen=True)
class SoftOptimum:
    """
    The policy that maximises E Σ γᵗ (r + αH), of its family, and what it is worth; triples are of the states 0, 1, 2.

    :param alpha: the temperature α
    :param family: of which policies it is the best
    :param gamma: the discount factor γ
    :param V: soft values, E Σ γᵗ (r + αH) from each state on
    :param J: what it earns, E Σ γᵗ r, from each state on
    :param choices: how it acts in each state: the probability is that of a > 0 in state 0, of \\|a\\| < h in the others
    :param deterministic: what it earns from the start when it takes tanh μ in each state, or, of Boltzmann's, the most
        probable action
    """

    alpha: float
    family: str
    gamma: float
    V: tuple[float, float, float]
    J: tuple[float, float, float]
    choices: tuple[Choice, Choice, Choice]
    deterministic: float


def soft_values(
    alpha: float, family: str = "boltzmann", *, gamma: float = 1.0, tree: Tree | None = None
) -> SoftOptimum:
    """
    What is optimal at a temperature.

    :param alpha: α > 0, of an entropy in nats with respect to da on [−1, 1], as in Stable-Baselines3's SAC
    :param family: ``"boltzmann"``, all policies, or ``"tanh_gaussian"``, those of SAC
    :param gamma: the discount factor γ
    :param tree: the bifurcation; ``None``: with its defaults
    :return: values, returns and policy
    :raises TypeError: if a number is none
    :raises ValueError: if one is out of its range, there is no such family, or ``inside`` is not above ``outside``
    """
    check_number("alpha", alpha, 0.0, open_low=True)
    check_number("gamma", gamma, 0.0, 1.0)
    policies, tree = _policies(family), _checked(tree)
    alpha, gamma = float(alpha), float(gamma)
    second, third = (policies.band(tree.half_width, _gain(tree) / alpha), policies.free(tree.half_width))
    J1 = tree.outside + _gain(tree) * second.probability
    V1, V2 = J1 + alpha * second.entropy, tree.sure + alpha * third.entropy
    first = policies.side(gamma * (V2 - V1) / alpha)
    right = first.probability
    V0 = gamma * ((1 - right) * V1 + right * V2) + alpha * first.entropy
    J0 = gamma * ((1 - right) * J1 + right * tree.sure)
    return SoftOptimum(
        alpha=alpha,
        family=family,
        gamma=gamma,
        V=(V0, V1, V2),
        J=(J0, J1, tree.sure),
        choices=(first, second, third),
        deterministic=gamma * (tree.sure if V2 > V1 else tree.inside),
    )


def crossover(family: str = "boltzmann", *, tree: Tree | None = None) -> float:
    """
    The temperature at which V₁ = V₂, by Brent's method: below it the best policy of the family goes to state 1 more
    often than not, above it to state 2.

    Of Boltzmann policies, V₁ = V₂ is h e^((inside − sure)/α) + (1 − h) e^(−(sure − outside)/α) = 1. Without the second
    term, which is what missing the band adds to the integral, α = (inside − sure)/log(1/h): 2/ln 10 = 0.868588964 with
    the defaults, where that term is 3e-10 and the root greater by 1.1e-10. Of tanh-Gaussians it is 0.730704649: to keep
    to the band costs them more entropy, as their tails must stay in it too.

    :param family: ``"boltzmann"`` or ``"tanh_gaussian"``
    :param tree: the bifurcation; ``None``: with its defaults
    :return: α
    :raises ValueError: if there is no such family, or no such temperature
    """
    policies, tree = _policies(family), _checked(tree)
    widest = policies.free(tree.half_width)
    least = tree.outside + _gain(tree) * widest.probability
    if not least < tree.sure < tree.inside:
        raise MisfitError(
            f"There is no crossover: sure must be less than inside, and greater than what the policy of the greatest "
            f"entropy earns in state 1, {least:g}, but inside={tree.inside:g}, outside={tree.outside:g}, "
            f"sure={tree.sure:g} and half_width={tree.half_width:g} were given. The same state is preferred at every "
            "temperature.",
            "inside",
            "outside",
            "sure",
            "half_width",
        )
    bifurcation = tree

    def lead(alpha: float) -> float:
        choice = policies.band(bifurcation.half_width, _gain(bifurcation) / alpha)
        lost = alpha * (widest.entropy - choice.entropy)
        return bifurcation.outside + _gain(bifurcation) * choice.probability - bifurcation.sure - lost

    high = tree.inside - tree.sure
    while lead(high) > 0:
        high *= 2
    low = high / 2
    while lead(low) < 0:
        low /= 2
    return float(brentq(lead, low, high, xtol=1e-14, rtol=1e-14))


def _policies(family: str) -> Family:
    check_choice("family", family, FAMILIES)
    return FAMILIES[family]


def _checked(tree: Tree | None) -> Tree:
    tree = Tree() if tree is None else tree
    if not tree.inside > tree.outside:
        raise MisfitError(
            f"inside must be greater than outside, but inside={tree.inside:g} and outside={tree.outside:g} were given.",
            "inside",
            "outside",
        )
    return tree


def _gain(tree: Tree) -> float:
    return tree.inside - tree.outside
