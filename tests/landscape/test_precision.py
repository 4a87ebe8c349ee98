"""What an interval is expected to be, against those of simulated returns; how many candidates are played at once."""

import numpy as np
import pytest
from scipy import stats

from sb3_entropy.landscape.evaluating import Evaluator
from sb3_entropy.landscape.inference import ProbeReturns, changes, curvatures, slopes
from sb3_entropy.landscape.objectives.function import FunctionObjective, saddle
from sb3_entropy.landscape.planner import Pilot, expected_half_width
from sb3_entropy.landscape.probes.settings import PROBES, find_probe, settings_of


def test_half_widths_are_those_of_simulated_probes():
    std, correlation, n, alpha = 3.0, 0.6, 25, 0.2
    rng = np.random.default_rng(0)
    common = np.sqrt(correlation) * rng.standard_normal(n)
    # 700 probes of one direction: the mean half-width has a standard error of below 1 %.
    found = {"slope": [], "curvature": [], "change": [], "mean": []}
    for _ in range(700):
        common = np.sqrt(correlation) * rng.standard_normal(n)
        plus, minus, centre = std * (common + np.sqrt(1 - correlation) * rng.standard_normal((3, n)))
        returns = ProbeReturns(plus[None], minus[None], centre, alpha)
        for name, estimates in (("slope", slopes(returns)), ("change", changes(returns, coefficient=1.0))):
            found[name].append(np.diff(estimates.interval(), axis=0).item() / 2)
        found["curvature"].append(np.diff(curvatures(returns, coefficient=2.0).interval(), axis=0).item() / 2)
        found["mean"].append(stats.t.ppf(0.975, n - 1) * stats.sem(plus))
    for quantity, widths in found.items():
        # An expected standard deviation is a little below its square root of the variance: 1 % at n = 25.
        expected = expected_half_width(Pilot(std, correlation), quantity, n, alpha=alpha)
        assert np.mean(widths) == pytest.approx(expected, rel=0.03), quantity


def test_a_surplus_at_the_centre_makes_curvatures_more_precise():
    pilot = Pilot(1.0, 0.0)
    one, four = (expected_half_width(pilot, "curvature", 9, alpha=0.5, surplus=s) for s in (1.0, 4.0))
    assert (four / one) ** 2 == pytest.approx((2 + 4 / 4) / (2 + 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("slop", 9), "Unknown quantity 'slop'.*Did you mean 'slope'"),
        (("mean", 1), "n must be a whole number ≥ 2"),
    ],
)
def test_what_is_not_allowed_is_told(arguments, message):
    with pytest.raises(ValueError, match=message):
        expected_half_width(Pilot(1.0, 0.0), *arguments)


def test_as_many_candidates_at_a_time_as_are_played_at_once():
    objective = FunctionObjective(saddle, [0.0, 0.0])
    assert Evaluator(objective).chunk == 256
    objective.n_candidates = 16  # type: ignore[attr-defined]
    assert Evaluator(objective).chunk == 16
    objective.engine = type("Engine", (), {"workers": 3})()  # type: ignore[attr-defined]
    assert Evaluator(objective).chunk == 48
    objective.n_candidates = 1000  # type: ignore[attr-defined]
    assert Evaluator(objective).chunk == 256
    assert Evaluator(objective, chunk=5).chunk == 5


@pytest.mark.parametrize("key", PROBES)
def test_every_setting_is_described_in_plain_text(key):
    probe = find_probe(key)
    assert probe.key == key
    for setting in settings_of(probe):
        assert setting.doc, setting.name
        assert "`" not in setting.doc
        assert "  " not in setting.doc


def test_an_unknown_probe_is_told():
    with pytest.raises(ValueError, match=r"Unknown probe 'plan'.*Did you mean 'plane'"):
        find_probe("plan")
