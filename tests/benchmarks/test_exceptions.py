"""How an outcome of their tests is judged."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.conformance import exceptions, report
from benchmarks.conformance.exceptions import Exemption, judge

SUITE = "stable_baselines3"
CLASSES = {"PPO": "SPPO", "A2C": "SA2C"}
TRAINED = {"SPPO": 3, "SA2C": 2, "stock PPO": 0}


def _result(trainings: dict[str, int] | None = None, **outcomes: str) -> dict[str, Any]:
    tests = {
        f"tests/test_x.py::{name}": {
            "outcome": outcome,
            "message": f"E   {name} broke",
            "made_one": name != "other",
            "trained_fast": name == "fast",
        }
        for name, outcome in outcomes.items()
    }
    return {"tests": tests, "trainings": trainings or TRAINED}


def _exemption(test: str, modes: tuple[str, ...] = ("zero",)) -> Exemption:
    return Exemption(SUITE, f"tests/test_x.py::{test}", modes, "because")


def test_everything_passes() -> None:
    result = _result(a="passed", fast="passed", other="passed", s="skipped")
    verdict = judge(SUITE, "zero", result, [], CLASSES)
    assert verdict.good
    assert (verdict.passed, verdict.fast, verdict.untouched, verdict.skipped) == (2, 1, 1, 1)


def test_a_failure_counts_unless_it_is_listed_for_the_mode_and_the_suite() -> None:
    result = _result(a="failed", b="passed")
    assert not judge(SUITE, "zero", result, [], CLASSES).good
    assert judge(SUITE, "zero", result, [_exemption("a")], CLASSES).good
    assert not judge(SUITE, "defaults", result, [_exemption("a")], CLASSES).good
    assert not judge("sb3_contrib", "zero", result, [_exemption("a")], CLASSES).good


@pytest.mark.parametrize("outcomes", [{"a": "passed"}, {"b": "passed"}, {"a": "skipped", "b": "passed"}])
def test_an_exception_that_covers_no_failure_is_stale(outcomes: dict[str, str]) -> None:
    verdict = judge(SUITE, "zero", _result(**outcomes), [_exemption("a")], CLASSES)
    assert verdict.stale == [_exemption("a")]
    assert not verdict.good
    assert "STALE" in report.complaints([verdict])


def test_an_exception_that_is_too_wide_is_stale() -> None:
    wide = _exemption("a*")
    assert judge(SUITE, "zero", _result(a1="failed", a2="failed"), [wide], CLASSES).good
    assert judge(SUITE, "zero", _result(a1="failed", a2="passed"), [wide], CLASSES).stale == [wide]


def test_brackets_are_meant_literally() -> None:
    entry = _exemption("t[-0.2-*]")
    assert entry.covers(SUITE, "zero", "tests/test_x.py::t[-0.2-CartPole-v1]")
    assert not entry.covers(SUITE, "zero", "tests/test_x.py::t[0.2-CartPole-v1]")
    assert not entry.covers(SUITE, "zero", "tests/test_x.py::t0")


@pytest.mark.parametrize("trainings", [{"SPPO": 3}, {"SPPO": 3, "SA2C": 0}])
def test_a_class_that_was_never_trained_fails(trainings: dict[str, int]) -> None:
    verdict = judge(SUITE, "zero", _result(trainings, a="passed"), [], CLASSES)
    assert verdict.complaints == ["SA2C was never trained."]
    assert not verdict.good
    assert judge(SUITE, "zero", _result(trainings, a="passed"), [], CLASSES, partial=True).good


def test_a_stock_class_that_was_trained_fails() -> None:
    verdict = judge(SUITE, "zero", _result({**TRAINED, "stock PPO": 4}, a="passed"), [], CLASSES)
    assert verdict.complaints == ["A stock PPO was trained 4 times: the substitution does not reach everything."]


def test_no_test_fails() -> None:
    assert "No test ran." in judge(SUITE, "zero", _result(), [], CLASSES).complaints


def test_the_report_names_failures_and_reasons() -> None:
    result = _result(a="failed", b="failed", c="passed", fast="passed")
    verdict = judge(SUITE, "zero", result, [_exemption("a")], CLASSES)
    table = report.table([verdict], {SUITE: "2.9"})
    assert "| zero | stable_baselines3 2.9 | 2 | 1 | 0 | 1 | 1 | SPPO 3, SA2C 2 |" in table
    assert "`tests/test_x.py::a` (zero; 1 tests): because" in table
    assert "FAILED tests/test_x.py::b  E   b broke" in report.complaints([verdict])


def test_the_committed_list_is_well_formed() -> None:
    listed = exceptions.load(Path(exceptions.__file__).with_name("exceptions.toml"))
    assert len(set(listed)) == len(listed) > 0
    assert all(len(entry.reason) > 20 for entry in listed)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('suite = "s"\ntest = "t"\nmodes = ["zero"]', "needs modes, reason, suite, test"),
        ('suite = "s"\ntest = "t"\nmodes = ["zero"]\nreason = ""', "needs modes, reason, suite, test"),
        (
            'suite = "s"\ntest = "t"\nmodes = ["zro"]\nreason = "r"',
            "Available: zero, defaults, minimum, sddpg",
        ),
    ],
)
def test_a_malformed_list(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "exceptions.toml"
    path.write_text(f"[[exception]]\n{entry}\n")
    with pytest.raises(ValueError, match=message):
        exceptions.load(path)
