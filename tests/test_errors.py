"""Messages and checks of sb3_entropy.errors."""

import re
import traceback
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sb3_entropy.errors import check_choice, check_number, last_message, unknown


def test_unknown_names_what_was_given_what_there_is_and_the_nearest() -> None:
    assert unknown("algorithm", "spo", ["sppo", "spg", "strpo"]) == (
        "Unknown algorithm 'spo'. Available: spg, sppo, strpo. Did you mean 'sppo'?"
    )


def test_unknown_suggests_nothing_when_nothing_is_near() -> None:
    assert unknown("algorithm", "zzz", ["sppo", "spg"]) == "Unknown algorithm 'zzz'. Available: spg, sppo."


def test_unknown_with_nothing_available() -> None:
    assert unknown("probe", "hessian", []) == "Unknown probe 'hessian'. Available: none."


def test_unknown_takes_what_is_not_a_string() -> None:
    assert unknown("std_scheme", 3, ["global"]) == "Unknown std_scheme 3. Available: global."


@pytest.mark.parametrize("value", ["entropy", "log_prob"])
def test_choice_accepts_what_is_allowed(value: str) -> None:
    assert check_choice("soft_gradient", value, iter(("entropy", "log_prob"))) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("entrpy", "Unknown soft_gradient 'entrpy'. Available: entropy, log_prob. Did you mean 'entropy'?"),
        (None, "Unknown soft_gradient None. Available: entropy, log_prob."),
        (["entropy"], "Unknown soft_gradient ['entropy']. Available: entropy, log_prob. Did you mean 'entropy'?"),
    ],
)
def test_choice_refuses_everything_else(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_choice("soft_gradient", value, iter(("entropy", "log_prob")))


@pytest.mark.parametrize(
    ("value", "limits"),
    [
        (0.5, {}),
        (-1e300, {}),
        (3, {}),
        (Fraction(1, 2), {"low": 0, "high": 1}),
        (np.float32(0.25), {"low": 0}),
        (0.0, {"low": 0}),
        (1.0, {"low": 0, "high": 1}),
        (1e-12, {"low": 0, "open_low": True}),
        (4, {"low": 1, "integer": True}),
        (np.int64(4), {"low": 1, "integer": True}),
    ],
)
def test_number_accepts_what_is_in_range(value: Any, limits: dict[str, Any]) -> None:
    assert check_number("gamma", value, **limits) is None


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        (-0.1, {"low": 0}, "gamma must be a number ≥ 0, but -0.1 was given."),
        (0.0, {"low": 0, "open_low": True}, "gamma must be a number > 0, but 0.0 was given."),
        (1.5, {"low": 0, "high": 1}, "gamma must be a number between 0 and 1, but 1.5 was given."),
        (-0.5, {"low": 0, "high": 1}, "gamma must be a number between 0 and 1, but -0.5 was given."),
        (0, {"low": 1, "integer": True}, "gamma must be a whole number ≥ 1, but 0 was given."),
        (float("nan"), {}, "gamma must be a number, but nan was given."),
        (float("inf"), {"low": 0}, "gamma must be a number ≥ 0, but inf was given."),
        (float("-inf"), {}, "gamma must be a number, but -inf was given."),
        (2.0, {"high": 1}, "gamma must be a number ≤ 1, but 2.0 was given."),
        (
            0.0,
            {"low": 0, "high": 1, "open_low": True},
            "gamma must be a number > 0 and ≤ 1, but 0.0 was given.",
        ),
    ],
)
def test_number_refuses_what_is_out_of_range(value: Any, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_number("gamma", value, **limits)


@pytest.mark.parametrize(
    ("value", "limits", "message"),
    [
        ("0.5", {}, "gamma must be a number, but '0.5' (str) was given."),
        (None, {"low": 0}, "gamma must be a number ≥ 0, but None (NoneType) was given."),
        (True, {}, "gamma must be a number, but True (bool) was given."),
        ([0.5], {}, "gamma must be a number, but [0.5] (list) was given."),
        (1j, {}, "gamma must be a number, but 1j (complex) was given."),
        (np.zeros(2), {}, "gamma must be a number, but array([0., 0.]) (ndarray) was given."),
        (np.bool_(True), {}, "gamma must be a number, but np.True_ (bool) was given."),
        (np.array(2.0), {}, "gamma must be a number, but array(2.) (ndarray) was given."),
        (2.0, {"low": 1, "integer": True}, "gamma must be a whole number ≥ 1, but 2.0 (float) was given."),
        (np.array(2.5), {"integer": True}, "gamma must be a whole number, but array(2.5) (ndarray) was given."),
    ],
)
def test_number_refuses_what_is_no_number(value: Any, limits: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        check_number("gamma", value, **limits)


def raised(error: Exception) -> str:
    try:
        raise error
    except Exception:
        return traceback.format_exc()


@pytest.mark.parametrize("text", ["one line", "two\nlines", "a list:\n  - indented\n\n  - twice", ""])
def test_the_whole_message_of_a_traceback(text: str) -> None:
    assert last_message(raised(ValueError(text))) == f"ValueError: {text}".removesuffix(": ")
    try:
        raised_first = raised(KeyError("cause\nof it"))
        raise RuntimeError(text) from KeyError(raised_first)
    except RuntimeError:
        assert last_message(traceback.format_exc()) == f"RuntimeError: {text}".removesuffix(": ")


def test_a_message_without_a_traceback_is_itself() -> None:
    assert last_message("no traceback\n  was recorded\n") == "no traceback\n  was recorded"
    assert last_message("") == ""
