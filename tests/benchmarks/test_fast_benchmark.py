"""The benchmark of the fast path: who takes part, and how it is told."""

import pytest
import torch as th

from benchmarks.fast import EXACT, PARENT, PLAIN, PPO, ROUNDING, ROWS, Row, contestants, main, results_of, table
from benchmarks.timing.pairs import Rounds

SMALL = Row("SPPO", PPO, "Pendulum-v1", 1, 64, (0.4, 0.3), {**PLAIN, "n_steps": 64})


def test_parent_and_fast_path_do_the_same_work() -> None:
    taking_part, env = contestants(SMALL, with_sbx=False)
    assert list(taking_part) == [PARENT, EXACT, ROUNDING]
    trained = {name: contestant(3)() for name, contestant in taking_part.items()}
    parent, exact = (trained[name].policy.state_dict() for name in (PARENT, EXACT))  # type: ignore[attr-defined]
    assert all(th.allclose(exact[name], value, rtol=1e-5, atol=1e-7) for name, value in parent.items())
    assert trained[EXACT]._flat_policy is not None  # type: ignore[attr-defined]
    assert trained[ROUNDING]._flat_policy.rounding  # type: ignore[attr-defined]
    env.close()


def test_ratios_goals_and_what_is_not_met_are_told() -> None:
    rounds = Rounds(wall={PARENT: [2.0] * 6, EXACT: [0.9] * 6, ROUNDING: [0.5] * 6})
    found = results_of(SMALL, rounds)
    assert found["met"] == {EXACT: False, ROUNDING: True}
    row = table([found]).splitlines()[-1]
    assert row == (
        "| SPPO(ent_coef=0.0, n_steps=64) / PPO | Pendulum-v1 × 1 | 0.450 [0.450, 0.450] ✗ | ≤ 0.40 "
        "| 0.250 [0.250, 0.250] | ≤ 0.30 | – |"
    )


def test_every_row_has_a_name_of_its_own() -> None:
    assert len({(row.name, row.env_id, row.n_envs, row.vec_env) for row in ROWS}) == len(ROWS)


def test_nothing_chosen_is_an_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "nothing of the kind"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
