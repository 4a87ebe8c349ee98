"""What is said when a kernel cannot be made, or does not fit the actions."""

from typing import Any

import numpy as np
import pytest
import torch as th
from law_oracles import choice, law

from sb3_entropy.divergences import make_divergence, make_kernel

FEATURES = np.arange(12.0).reshape(6, 2)
SPECS: dict[str, Any] = {key: {"kernel": key, "features": FEATURES} for key in ("rbf", "linear")}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("rbf_indx", r"Unknown kernel 'rbf_indx'.*Did you mean 'rbf_index'"),
        ({"kernel": "rbf", "bandwith": 1.0}, r"Unknown option of kernel='rbf' 'bandwith'.*Did you mean 'bandwidth'"),
        ({"bandwidth": 1.0}, r"A kernel as a mapping has its name under 'kernel'"),
        ({"kernel": "rbf", "bandwidth": 0.0}, r"bandwidth must be a number > 0, but 0.0 was given"),
        ({"kernel": "rbf_index", "bandwidth": -1}, r"bandwidth must be a number > 0, but -1 was given"),
        ({"kernel": "rbf", "bandwidth": "mean"}, r"a number > 0 or 'median', but 'mean' was given"),
        ({"kernel": "rbf", "bandwidth": "median"}, r"there are no features. Give a number"),
        ({"kernel": "rbf", "bandwidth": "median", "features": [[1.0], [1.0]]}, r"actions of different features"),
        ({"kernel": "delta", "off_diagonal": 1.5}, r"off_diagonal must be a number between 0 and 1"),
        ({"kernel": "delta", "off_diagonal": 1}, r"off_diagonal must be below 1"),
        ({"kernel": "linear", "features": [1.0, 2.0]}, r"shape \(n, d\), a row of d numbers.*but have \(2,\)"),
        ({"kernel": "linear", "features": []}, r"shape \(n, d\)"),
        ({"kernel": "linear", "features": [[1.0], [np.nan]]}, r"must be finite, but those of action 1 are \[nan\]"),
        ({"kernel": "rbf", "features": [["a"]]}, r"features must be numbers"),
        ({"kernel": "rbf", "features": [[1.0], [1.0, 2.0]]}, r"features must be numbers"),
    ],
)
def test_wrong_kernels_are_refused(spec: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_kernel(spec)


def test_a_kernel_must_be_something_that_names_one() -> None:
    with pytest.raises(
        TypeError, match=r"A kernel is given by its name, by a mapping .* or as an object, but 3 \(int\)"
    ):
        make_kernel(3)  # type: ignore[arg-type]
    kernel = make_kernel("delta")
    assert make_kernel(kernel) is kernel


def test_kernels_that_do_not_fit_the_actions_are_refused() -> None:
    points, five = law("gaussian", th.ones(1, 2)), choice(th.zeros(1, 5))
    for key in ("delta", "rbf_index"):
        with pytest.raises(ValueError, match=f"The kernel '{key}' compares the choices.*'rbf', 'bandwidth'"):
            make_divergence("mmd", kernel=key)(points, points)
        with pytest.raises(ValueError, match=f"The kernel '{key}' compares the choices"):
            make_kernel(key).gram(th.zeros(2, 1, 1))
    for key in ("rbf", "linear"):
        with pytest.raises(ValueError, match=rf"The kernel '{key}' knows the choices.*give features"):
            make_divergence("mmd", kernel=key)(five, five)
        with pytest.raises(ValueError, match=rf"The kernel '{key}' knows the choices"):
            make_kernel(key).gram(th.zeros(2, 1, dtype=th.long))
        with pytest.raises(ValueError, match=r"features of 6 actions, but there are 5. Give a row for each"):
            make_divergence("mmd", kernel=SPECS[key])(five, five)
        with pytest.raises(ValueError, match=rf"The kernel '{key}' has features of finitely many actions"):
            make_divergence("mmd", kernel=SPECS[key])(points, points)
        with pytest.raises(ValueError, match=rf"The kernel '{key}' has features of finitely many actions"):
            make_kernel(SPECS[key]).gram(th.zeros(2, 1, 1))
