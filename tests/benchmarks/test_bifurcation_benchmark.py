"""The benchmark of bifurcations extends what it says, and its contestants do the same."""

import json

import numpy as np

from benchmarks import bifurcation
from benchmarks.bifurcation import ACTIONS, ALPHA, STATES, cases, main, slowly
from sb3_entropy.mdp import bifurcate, certify


def test_both_ways_give_the_same_certificate() -> None:
    ((mdp, state, target),) = cases(3, 1)
    assert mdp.R.shape == (STATES, ACTIONS)
    extended, fast = bifurcate(mdp, state, target, ALPHA)
    slow = certify(mdp, extended, [state], fast.targets, ALPHA, 1e-9, solve=slowly)
    assert fast.holds()
    assert slow.holds()
    np.testing.assert_allclose(fast.soft_values, slow.soft_values, atol=1e-9)


def test_a_short_one(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(bifurcation, "TOGETHER", 2)
    assert main(["--processes", "3", "--rounds", "1", "--strict", "--json", str(tmp_path / "it.json")]) == 0
    found = json.loads((tmp_path / "it.json").read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert [found[name]["held"] for name in ("measures", "counts")] == [3, 3]
    assert set(found["certificates"]["milliseconds"]) == {"policy iteration", "value iteration"}
