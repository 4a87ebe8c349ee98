"""The benchmark of the off-policy family: who takes part, and how it is told."""

import json
from pathlib import Path

import pytest

from benchmarks import off_policy
from benchmarks.off_policy import (
    PARENT,
    WARM_UP,
    Row,
    contestant,
    main,
    memory_of,
    memory_table,
    results_of,
    rows,
    table,
)
from benchmarks.timing.cells import Run
from benchmarks.timing.pairs import Rounds
from sb3_entropy.registry import SIMILARITY_RULES

SMALL = {"policy_kwargs": {"net_arch": [4]}, "buffer_size": 500}
MINIMUM = Row("sb3_entropy:SDDPG", {"actor_critic": "minimum"}, 0.65)


def test_every_rule_takes_part_and_every_row_has_a_name_of_its_own() -> None:
    chosen = rows(with_sbx=True)
    assert len({row.name for row in chosen}) == len(chosen)
    assert {row.settings.get("similarity_rule") for row in chosen} >= {*SIMILARITY_RULES.keys()}
    assert [row.name for row in chosen][-1] == "SBX SAC"
    assert {row.name: row.goal for row in chosen if row.goal} == {
        "SDDPG(actor_critic=minimum)": 0.65,
        "SDDPG()": 0.60,
        "SACAdaEnt()": 1.7,
        "SACAdaEnt(similarity_rule=linear)": 1.15,
        "SACAdaEnt(similarity_rule=quadratic)": 1.7,
        "SACAdaEnt(similarity_rule=bfloat16)": 6.0,
        "SACAdaEnt(similarity_rule=exact)": 10.0,
    }
    assert len(rows()) == len(chosen) - 1


def test_a_contestant_is_warmed_up_once_and_goes_on() -> None:
    prepare = contestant(MINIMUM.reference, "Pendulum-v1", 5, {**MINIMUM.settings, **SMALL})
    model = prepare(3)()
    assert model.num_timesteps == WARM_UP + 5  # type: ignore[attr-defined]
    assert model.seed == 3  # type: ignore[attr-defined]
    assert model._flat_path is not None  # type: ignore[attr-defined]
    assert prepare(4)() is model
    assert model.num_timesteps == WARM_UP + 10  # type: ignore[attr-defined]


def test_ratios_goals_and_what_is_not_met_are_told() -> None:
    chosen = [MINIMUM, Row("sb3_entropy:SACAdaEnt")]
    names = [row.name for row in chosen]
    times = Rounds(
        wall={PARENT: [2.0] * 6, names[0]: [1.4] * 6, names[1]: [3.0] * 6},
        cpu={PARENT: [2.0] * 6, names[0]: [1.0] * 6, names[1]: [5.0] * 6},
    )
    found = results_of("Pendulum-v1", chosen, times)
    assert [result["met"] for result in found] == [False, True]
    assert table(found).splitlines()[2:] == [
        "| SDDPG(actor_critic=minimum) | Pendulum-v1 | 0.700 [0.700, 0.700] ✗ | 0.500 [0.500, 0.500] | ≤ 0.65 |",
        "| SACAdaEnt() | Pendulum-v1 | 1.500 [1.500, 1.500] | 2.500 [2.500, 2.500] | – |",
    ]


def test_memory_is_ours_beside_the_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Run] = []

    def peak_of(run: Run) -> tuple[float, float]:
        asked.append(run)
        return (110.0, 30.0) if run.reference == MINIMUM.reference else (100.0, 25.0)

    monkeypatch.setattr(off_policy, "peak_of", peak_of)
    found = memory_of(MINIMUM, "Pendulum-v1", 70, 3)
    assert len(asked) == 6
    assert {(run.steps, run.env_id, run.n_envs) for run in asked} == {(70, "Pendulum-v1", 1)}
    assert (found["ratio"], found["met"]) == (pytest.approx(1.1), False)
    row = memory_table([found]).splitlines()[-1]
    assert row == ("| SDDPG(actor_critic=minimum) | Pendulum-v1 | 110 / 100 MiB | 30 / 25 MiB | 1.100 ✗ | ≤ 1.05 |")


def test_nothing_chosen_is_an_empty_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "found.json"
    assert main(["--only", "nothing of the kind", "--json", str(file)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    data = json.loads(file.read_text())
    assert (data["time"], data["memory"]) == ([], [])
    assert "one thread" in data["about"][-1]
