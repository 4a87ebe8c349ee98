"""A process checks what it is given, and knows its absorbing states."""

import dataclasses
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from processes import corridor, measured, random_mdp

from sb3_entropy.mdp import TabularMDP


def test_fields_are_copies_that_cannot_be_written_to() -> None:
    P = np.eye(2)[:, None, :].repeat(3, axis=1)
    mdp = TabularMDP(P, np.zeros((2, 3)), [0.25, 0.75], 0.5)
    P[0, 0] = 7.0
    assert mdp.P[0, 0].tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        mdp.P[0, 0] = 0.0
    assert (mdp.n_states, mdp.n_actions, mdp.gamma) == (2, 3, 0.5)
    assert mdp.measure.tolist() == [[1.0] * 3] * 2
    assert mdp.discount.tolist() == [[0.5] * 3] * 2
    assert repr(mdp) == "<TabularMDP: S = 2, A = 3, γ = 0.5>"
    assert repr(measured(terminal_entropy=True)).endswith(", with a measure of the actions, terminal_entropy>")


def test_an_absorbing_state_stays_under_every_present_action_and_pays_nothing() -> None:
    mdp = corridor(3, gamma=0.9)
    assert mdp.absorbing.tolist() == [False, False, False, True]
    assert mdp.counts_entropy.tolist() == [True, True, True, False]
    assert dataclasses.replace(mdp, terminal_entropy=True).counts_entropy.all()
    paying = mdp.R.copy()
    paying[3, 1] = 0.1
    assert not dataclasses.replace(mdp, R=paying).absorbing.any()
    leaving = mdp.P.copy()
    leaving[3, 0] = [0.0, 0.0, 1e-9, 1.0 - 1e-9]
    assert not dataclasses.replace(mdp, P=leaving).absorbing.any()
    absent = np.zeros((4, 2))
    absent[3, 0] = -np.inf
    assert dataclasses.replace(mdp, P=leaving, log_measure=absent).absorbing[3]


def fields(**other: Any) -> dict[str, Any]:
    mdp = random_mdp()
    return {"P": mdp.P, "R": mdp.R, "rho": mdp.rho, "gamma": 0.9, **other}


def changed(name: str, place: Any, value: float) -> dict[str, Any]:
    array = np.array(fields()[name])
    array[place] = value
    return {name: array}


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        ({"P": np.zeros((5, 3))}, ValueError, r"P must have the shape \(S, A, S\), but \(5, 3\)"),
        ({"P": np.zeros((5, 3, 4))}, ValueError, r"P must have the shape \(S, A, S\)"),
        ({"P": "no"}, TypeError, "P must be an array of numbers, but an array of <U2"),
        ({"P": [[[1.0]], [[1.0, 2.0]]]}, ValueError, "P must be an array of numbers, but it cannot be made one"),
        (changed("P", (2, 1, 0), np.nan), ValueError, r"P must be finite, but nan stands at \[2, 1, 0\]"),
        (changed("P", (2, 1), [-0.5, 1.5, 0, 0, 0]), ValueError, r"P must be ≥ 0, but -0.5 stands at \[2, 1, 0\]"),
        (
            changed("P", (2, 1), [0.5, 0.5, 1e-7, 0, 0]),
            ValueError,
            r"P over s' must be 1, but 1.0000001 .*\[2, 1\]",
        ),
        ({"R": np.zeros((5, 2))}, ValueError, r"R must have the shape \(S, A\) = \(5, 3\), but \(5, 2\)"),
        (changed("R", (0, 1), np.inf), ValueError, r"R must be finite, but inf stands at \[0, 1\]"),
        ({"rho": np.ones(4) / 4}, ValueError, r"rho must have the shape \(S,\) = \(5,\)"),
        ({"rho": np.ones(5)}, ValueError, "rho must add up to 1, but its sum is 5"),
        ({"rho": [1.5, -0.5, 0, 0, 0]}, ValueError, r"rho must be ≥ 0, but -0.5 stands at \[1\]"),
        ({"gamma": 1.01}, ValueError, "gamma must be between 0 and 1, but 1.01"),
        ({"gamma": np.nan}, ValueError, "gamma must be finite, but nan"),
        ({"gamma": np.full((5, 3), -0.1)}, ValueError, r"gamma must be between 0 and 1, but -0.1 stands at \[0, 0\]"),
        ({"gamma": np.full(5, 0.9)}, ValueError, r"gamma must have the shape \(S, A\) = \(5, 3\)"),
        ({"log_measure": np.full((5, 3), np.nan)}, ValueError, "log_measure must be finite or −∞, but nan"),
        ({"log_measure": np.full((5, 3), np.inf)}, ValueError, "log_measure must be finite or −∞, but inf"),
        ({"log_measure": np.full((5, 3), -np.inf)}, ValueError, r"have an action that is present in each state.*\[0\]"),
        (
            {"terminal_entropy": True, "gamma": 1.0},
            ValueError,
            r"terminal_entropy=True pays .* for ever, but gamma is 1 in state 4: the sum is infinite\. Give gamma < 1",
        ),
        ({"terminal_entropy": 1}, TypeError, "terminal_entropy must be True or False, but 1 was given"),
    ],
)
def test_a_bad_field_is_named(other: dict[str, Any], error: type[Exception], message: str) -> None:
    TabularMDP(**fields())
    with pytest.raises(error, match=message):
        TabularMDP(**fields(**other))


def test_rows_that_add_up_to_nearly_one_are_taken() -> None:
    TabularMDP(**fields(**changed("P", (2, 1), [0.5, 0.5, 5e-9, 0, 0])))


def test_a_process_needs_no_pytorch() -> None:
    code = (
        "import sys, gymnasium, sb3_entropy, sb3_entropy_gridworld; assert 'numpy' in sys.modules;"
        "assert 'sb3_entropy.mdp' not in sys.modules;"
        "gymnasium.make('entropy/Gridworld-v0').unwrapped.to_mdp();"
        "assert 'sb3_entropy.mdp' in sys.modules;"
        "assert not {'torch', 'stable_baselines3', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_name_of_the_room_is_there() -> None:
    from sb3_entropy import mdp

    assert set(mdp.__all__) <= set(dir(mdp))
    assert all(callable(getattr(mdp, name)) for name in mdp.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = mdp.nothing
