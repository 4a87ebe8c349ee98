"""
``python -m benchmarks.landscape_inference``: how often the inference on directions errs, as Markdown tables.

Returns have the shapes of the simulations of intervals; given the episode, those of all candidates are alike
correlated. All directions share R⁰. Where nothing is said, nothing differs: whatever is found is false.
"""

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.simulation.shapes import SHAPES
from sb3_entropy.landscape.inference import ProbeReturns, changes, curvatures, direction_test, slopes
from sb3_entropy.statistics import benjamini_hochberg, benjamini_yekutieli, holm
from sb3_entropy.statistics.scores import Array

RISK = 0.025
N, CENTRE = 16, 64
ALL = ("change", "slope", "curvature")
CASES = tuple((shape, correlation) for shape in ("normal", "skewed", "failing") for correlation in (0.0, 0.9))
#: of the margins, in standard deviations of a paired difference
WIDE = 2.0
#: true effects in a fifth of the directions, likewise
EFFECTS = (1.0, 1.5, 2.0, 3.0)


def claimed(
    returns: ProbeReturns, null: str, quantities: tuple[str, ...] = ("change", "slope", "curvature")
) -> dict[str, Array]:
    """
    :param returns: of a probe
    :param null: of the tests
    :param quantities: which of the tests
    :return: p-values of what is claimed, not corrected, shape (K,), or (2, K) if there are two in each direction
    """
    found: dict[str, Array] = {}
    if "change" in quantities:
        sides = [direction_test(returns, side, null=null).p_greater for side in ("plus", "minus")]
        found["d or −d improves"] = np.stack(sides)
    if "slope" in quantities:
        slope = direction_test(returns, "slope", null=null)
        found["slope ≠ 0"] = np.stack([slope.p_greater, slope.p_less])
    if "curvature" in quantities:
        curvature = direction_test(returns, "curvature", null=null)
        found["curvature > 0"], found["curvature < 0"] = curvature.p_greater, curvature.p_less
    return found


def within(returns: ProbeReturns, quantities: tuple[str, ...], margin: float, null: str = "aligned") -> Array:
    """
    :param returns: of a probe
    :param quantities: that are claimed to be within the margin
    :param margin: in units of return
    :param null: of the tests
    :return: p-values of two one-sided tests of each quantity, the greatest, shape (K,)
    """
    sides = [
        p
        for quantity in quantities
        for p in (
            direction_test(returns, quantity, null=null, margin=-margin).p_greater,
            direction_test(returns, quantity, null=null, margin=margin).p_less,
        )
    ]
    return np.asarray(np.max(sides, axis=0))


def simulated(
    shape: str,
    correlation: float,
    directions: int,
    rng: np.random.Generator,
    plus: Array | float = 0.0,
    minus: Array | float = 0.0,
    n: int = N,
    centre: int = CENTRE,
) -> ProbeReturns:
    """
    :param shape: a name of ``SHAPES``
    :param correlation: of two candidates' returns in an episode, before they take their shape
    :param directions: K
    :param rng: where the draws come from
    :param plus: what is added to R⁺, in standard deviations of a paired difference
    :param minus: what is added to R⁻
    :param n: episodes of each side
    :param centre: episodes of R⁰
    :return: the returns of a probe with α = 1
    """
    shared = rng.normal(size=centre)

    def returns(size: tuple[int, ...], of: Array) -> Array:
        own = rng.normal(size=size)
        return SHAPES[shape](ndtr(math.sqrt(correlation) * of + math.sqrt(1 - correlation) * own))

    unit = difference_std(shape, correlation)
    size = (directions, n)
    above, below = returns(size, shared[:n]), returns(size, shared[:n])
    shifts = [np.broadcast_to(np.asarray(shift) * unit, (directions,))[:, None] for shift in (plus, minus)]
    return ProbeReturns(above + shifts[0], below + shifts[1], returns((centre,), shared), 1.0)


def difference_std(shape: str, correlation: float) -> float:
    """
    :param shape: a name of ``SHAPES``
    :param correlation: before the returns take their shape
    :return: the standard deviation of R⁺ − R⁰ of an episode
    """
    z = ndtri((np.arange(400) + 0.5) / 400)
    nodes = SHAPES[shape](ndtr(math.sqrt(correlation) * z[:, None] + math.sqrt(1 - correlation) * z))
    return math.sqrt(2 * float(nodes.var(axis=1).mean()))


def family_wise(
    null: str,
    shape: str,
    correlation: float,
    directions: int,
    probes: int,
    rng: np.random.Generator,
    quantities: tuple[str, ...] = ALL,
    n: int = N,
) -> dict[str, float]:
    """
    :param null: of the tests
    :param shape: of the returns
    :param correlation: of candidates
    :param directions: K, in none of which anything differs
    :param probes: how many are simulated
    :param rng: where the draws come from
    :param quantities: what is tested
    :param n: episodes of each side
    :return: for each claim the share of the probes in which it is made of any direction, at 2.5 % after Holm
    """
    wrong: Counter[str] = Counter()
    for _ in range(probes):
        returns = simulated(shape, correlation, directions, rng, n=n)
        for name, p in claimed(returns, null, quantities).items():
            wrong[name] += int((holm(p) <= RISK).any())
    return {name: count / probes for name, count in wrong.items()}


def false_discoveries(
    quantity: str, shape: str, correlation: float, directions: int, probes: int, rng: np.random.Generator
) -> dict[str, tuple[float, float]]:
    """
    A fifth of the directions have a true effect of 1.5 standard deviations of a paired difference.

    :param quantity: ``"plus"``, or ``"curvature"``, of which positive ones are claimed
    :param shape: of the returns
    :param correlation: of candidates
    :param directions: K
    :param probes: how many are simulated
    :param rng: where the draws come from
    :return: for each correction the mean share of false claims among the claims, and the share of effects that are
        found
    """
    true = np.arange(directions) < directions // 5
    shift = np.where(true, 1.5, 0.0)
    corrections = {"holm": holm, "benjamini_hochberg": benjamini_hochberg, "benjamini_yekutieli": benjamini_yekutieli}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in corrections}
    for _ in range(probes):
        returns = simulated(shape, correlation, directions, rng, shift, shift)
        p = direction_test(returns, quantity).p_greater
        for name, correct in corrections.items():
            claimed = correct(p) <= RISK
            found[name].append(((claimed & ~true).sum() / max(1, claimed.sum()), claimed[true].mean()))
    return {
        name: (float(np.mean([f for f, _ in each])), float(np.mean([p for _, p in each])))
        for name, each in found.items()
    }


def at_the_margin(
    kind: str,
    shape: str,
    correlation: float,
    directions: int,
    probes: int,
    rng: np.random.Generator,
    n: int = N,
) -> tuple[float, float]:
    """
    :param kind: ``"flat"``, where Δ⁺ is just the margin, or ``"linear"``, where the curvature's part is, beside a slope
    :param shape: of the returns
    :param correlation: of candidates
    :param directions: K
    :param probes: how many are simulated
    :param rng: where the draws come from
    :param n: episodes of each side
    :return: share of directions in which equivalence is claimed, uncorrected, and share of probes with any after Holm
    """
    margin = WIDE * difference_std(shape, correlation)
    single, family = [], []
    for _ in range(probes):
        if kind == "flat":
            p = within(simulated(shape, correlation, directions, rng, plus=WIDE, n=n), ("plus", "minus"), margin)
        else:
            p = within(simulated(shape, correlation, directions, rng, WIDE + 3, WIDE - 3, n), ("curvature",), margin)
        single.append((p <= RISK).mean())
        family.append((holm(p) <= RISK).any())
    return float(np.mean(single)), float(np.mean(family))


def power(shape: str, correlation: float, directions: int, probes: int, rng: np.random.Generator) -> list[float]:
    """
    :param shape: of the returns
    :param correlation: of candidates
    :param directions: K
    :param probes: how many are simulated
    :param rng: where the draws come from
    :return: for each of ``EFFECTS`` the share of improving directions that are found after Holm over 2K tests
    """
    shares = []
    for effect in EFFECTS:
        true = np.arange(directions) < directions // 5
        found = []
        for _ in range(probes):
            returns = simulated(shape, correlation, directions, rng, np.where(true, effect, 0.0))
            (p,) = claimed(returns, "aligned", ("change",)).values()
            found.append((holm(p) <= RISK)[0][true].mean())
        shares.append(float(np.mean(found)))
    return shares


def coverage(shape: str, correlation: float, probes: int, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """
    Every probe has one direction, so that the centre is not shared between them.

    :param shape: of the returns
    :param correlation: of candidates
    :param probes: how many are simulated
    :param rng: where the draws come from
    :return: for each estimate the shares of 95 % intervals that are wholly above and wholly below the truth
    """
    estimates = {
        "slope": slopes,
        "curvature, β estimated": curvatures,
        "curvature, β = 2": lambda returns: curvatures(returns, coefficient=2.0),
        "Δ⁺, β estimated": changes,
        "Δ⁺, β = 1": lambda returns: changes(returns, coefficient=1.0),
    }
    missed = {name: np.zeros(2) for name in estimates}
    for _ in range(probes):
        returns = simulated(shape, correlation, 1, rng)
        for name, estimate in estimates.items():
            low, high = estimate(returns).interval()
            missed[name] += (low[0] > 0, high[0] < 0)
    return {name: (float(each[0] / probes), float(each[1] / probes)) for name, each in missed.items()}


def _table(head: list[str], rows: Iterator[list[str]]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def _family_rows(options: argparse.Namespace) -> Iterator[list[str]]:
    # Half a second a probe has the exact test of 500 curvatures; without a curvature "exchangeable" is "aligned".
    studies = [
        ("aligned", 50, 4 * options.probes, ALL[:2]),
        ("aligned", 50, options.probes, ALL[2:]),
        ("exchangeable", 50, options.probes, ALL[2:]),
        ("mean", 50, options.probes, ALL),
        ("aligned", 500, options.probes, ALL[:2]),
        ("aligned", 500, max(1, options.probes // 4), ALL[2:]),
        ("mean", 500, options.probes, ALL),
    ]
    for null, directions, probes, quantities in studies:
        cells = [
            family_wise(null, shape, rho, directions, probes, np.random.default_rng((options.seed, index)), quantities)
            for index, (shape, rho) in enumerate(CASES)
        ]
        for name in cells[0]:
            rates = [f"{100 * cell[name]:.1f}" for cell in cells]
            yield [name, null, str(directions), str(probes), *rates]


def _discovery_rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for quantity, directions in (("plus", 500), ("curvature", 50)):
        cells = [
            false_discoveries(
                quantity, shape, rho, directions, options.probes, np.random.default_rng((options.seed, i))
            )
            for i, (shape, rho) in enumerate(CASES)
        ]
        for name in ("holm", "benjamini_hochberg", "benjamini_yekutieli"):
            texts = [f"{100 * cell[name][0]:.2f} ({100 * cell[name][1]:.0f})" for cell in cells]
            yield ["Δ⁺ > 0" if quantity == "plus" else "curvature > 0", name, str(directions), *texts]


def _margin_rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for kind in ("flat", "linear"):
        cells = [
            at_the_margin(kind, shape, rho, 50, options.probes, np.random.default_rng((options.seed, i)))
            for i, (shape, rho) in enumerate(CASES)
        ]
        yield [kind, *(f"{100 * single:.2f} ({100 * family:.1f})" for single, family in cells)]


def _power_rows(options: argparse.Namespace) -> Iterator[list[str]]:
    for i, (shape, rho) in enumerate(CASES):
        found = power(shape, rho, 500, max(1, options.probes // 4), np.random.default_rng((options.seed, i)))
        yield [shape, f"{rho:g}", *(f"{100 * share:.0f}" for share in found)]


def _coverage_rows(options: argparse.Namespace) -> Iterator[list[str]]:
    cells = [
        coverage(shape, rho, 10 * options.probes, np.random.default_rng((options.seed, i)))
        for i, (shape, rho) in enumerate(CASES)
    ]
    for name in cells[0]:
        texts = [
            f"{100 * (1 - sum(cell[name])):.1f} ({100 * cell[name][0]:.1f}, {100 * cell[name][1]:.1f})"
            for cell in cells
        ]
        yield [name, *texts]


def main(arguments: list[str] | None = None) -> int:
    """
    :param arguments: the command line, without the program's name
    :return: the exit status
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landscape_inference", description=__doc__)
    parser.add_argument("--probes", type=int, default=250, help="simulated in each case")
    parser.add_argument("--seed", type=int, default=0, help="of the simulation")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="which of them")
    options = parser.parse_args(arguments)
    for name in options.tables:
        head, rows = TABLES[name]
        _table(head, rows(options))
    return 0


_COLUMNS = [f"{shape}, {rho:g}" for shape, rho in CASES]
TABLES: dict[str, tuple[list[str], Callable[[argparse.Namespace], Iterator[list[str]]]]] = {
    "family": (["claim", "null", "K", "probes", *_COLUMNS], _family_rows),
    "discoveries": (["claim", "correction", "K", *_COLUMNS], _discovery_rows),
    "margin": (["claim", *_COLUMNS], _margin_rows),
    "power": (["returns", "correlation", *(f"{effect:g}" for effect in EFFECTS)], _power_rows),
    "coverage": (["estimate", *_COLUMNS], _coverage_rows),
}

if __name__ == "__main__":
    sys.exit(main())
