"""The kind of run that asks whether entropy has misled a trained agent."""

import io

import numpy as np
import pytest
from stable_baselines3 import SAC

from sb3_entropy import SDDPG
from sb3_entropy.landscape.q.misleading import misleading
from sb3_entropy.registry import JOBS, MEASURES
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.jobs import Surroundings, Task
from sb3_entropy.studies.jobs.misleading import MisleadingScore, lines_smoothness, scored
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.spec import parse_study
from sb3_entropy.studies.training import MODEL
from sb3_entropy.studies.worker import score
from tests.landscape.q.hand_made import Formula, agent

TEXT = """
claim: c
source: s
environments: [Pendulum-v1]
timesteps: 64
seeds: 2
evaluation: {points: 1, episodes: 1, modes: [deterministic]}
hyperparams: {learning_starts: 32, buffer_size: 100, batch_size: 8, policy_kwargs: {net_arch: [8]}}
arms:
  SAC: {algo: sddpg, sweep: {ent_coef: [0.1, 0.3]}}
  Q: {job: misleading, of: SAC, algo: sddpg, episodes: 2, states: 20, critical: 3, rollout_steps: 64, updates: 3,
      sweep: {ent_coef: [0.1, 0.3]}}
measures: [final_return, misleading_score, soft_q_bend, plain_q_explained]
decision:
  - {measure: misleading_excess, treatment: Q, control: {value: 0, source: the null}, expect: greater}
"""


CURVES = [curve.partition("/")[2] for curve in MisleadingScore.series]


def planned(text: str = TEXT) -> Plan:
    return Plan(parse_study("small", text, "small.yml"))


@pytest.fixture(scope="module")
def saved() -> dict[str, bytes]:
    model = SDDPG("MlpPolicy", "Pendulum-v1", ent_coef=0.3, buffer_size=300, policy_kwargs={"net_arch": [8]}, seed=5)
    buffer = io.BytesIO()
    model.save(buffer)
    return {MODEL: buffer.getvalue()}


def results(saved: dict[str, bytes], seeds: tuple[int, ...]) -> list[dict[str, float]]:
    run = next(each for each in planned().runs if each.variant.label == "Q, ent_coef=0.3")
    run.job().build(run.definition, look=True)
    common = {key: value for key, value in run.definition.items() if key != "seed"}
    made = MisleadingScore().run(Task(common, seeds, {"of": [saved] * len(seeds)}), Surroundings())
    return [{name: values[0] for name, values in result.curves.items()} for result in made]


def test_a_trained_agent_is_looked_at_by_its_own_seed(saved: dict[str, bytes]) -> None:
    first, second = results(saved, (0, 1))
    np.testing.assert_equal(results(saved, (1,)), [second])
    assert first["misleading/score"] != second["misleading/score"]
    assert first.keys() == set(MisleadingScore.series)
    assert first["misleading/excess"] == pytest.approx(first["misleading/score"] - first["misleading/null"])
    assert 0 <= first["misleading/score"] <= 1
    critical = first["misleading/critical_score"] - first["misleading/critical_null"]
    assert first["misleading/critical_excess"] == pytest.approx(critical)


def test_a_study_chooses_the_model_by_the_swept_value_and_needs_its_file() -> None:
    plan = planned()
    assert len(check_study(plan)) == 8
    chosen = {run.variant.label: run.definition["inputs"]["of"]["hyperparams"]["ent_coef"] for run in plan.runs
              if run.variant.arm.name == "Q"}  # fmt: skip
    assert chosen == {"Q, ent_coef=0.1": 0.1, "Q, ent_coef=0.3": 0.3}
    assert plan.kept["SAC, ent_coef=0.1"] == (MODEL,)
    assert JOBS.get("misleading") is MisleadingScore


def test_critics_are_fitted_in_the_environment_that_was_trained_in(
    saved: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    monkeypatch.setattr(
        "sb3_entropy.studies.jobs.misleading.subject_of_model", lambda *_, env_kwargs, **__: found.append(env_kwargs)
    )
    monkeypatch.setattr("sb3_entropy.studies.jobs.misleading.scored", lambda *_: dict.fromkeys(CURVES, 0.0))
    swept = TEXT.replace("ent_coef: [0.1, 0.3]", "env_kwargs.g: [3.0, 5.0]").replace(
        "[Pendulum-v1]", "{Pendulum-v1: {env_kwargs: {render_mode: rgb_array}}}"
    )
    for run in planned(swept).runs[-2:]:
        common = {key: value for key, value in run.definition.items() if key != "seed"}
        list(MisleadingScore().run(Task(common, (0,), {"of": [saved]}), Surroundings()))
    assert sorted(each["g"] for each in found) == [3.0, 5.0]
    assert all(each["render_mode"] == "rgb_array" for each in found)


def test_what_the_file_does_not_hold_is_refused_before_the_runs() -> None:
    with pytest.raises(
        ValueError, match=r"critics are fitted in the bare environment, but .* under normalize=True; take"
    ):
        check_study(planned(TEXT.replace("hyperparams: {", "hyperparams: {normalize: true, ")))


def test_numbers_are_those_of_the_score() -> None:
    tilted: Formula = lambda s, a: (1 + s[..., 0] ** 2) * a[..., 0]  # noqa: E731
    opposite: Formula = lambda s, a: -3 * a[..., 0]  # noqa: E731
    subject = agent([tilted] * 3, [opposite] * 3, np.linspace(-1, 2, 8)[:, None], np.arange(8) // 2)
    numbers = scored(subject, 6, 100)
    assert numbers["score"] == numbers["critical_excess"] == 1
    assert numbers["regret"] == misleading(subject, states=6).regret.value
    assert np.isnan([numbers["missed"], numbers["explained"]]).all()
    for name in ("plain_slope", "soft_slope"):
        assert numbers[name] == pytest.approx(1)  # of a linear function of one coordinate
    assert numbers["soft_bend"] == pytest.approx(0, abs=1e-9)


def test_smoothness_is_along_every_coordinate_through_the_mode() -> None:
    # the mode is 0: x² along the first coordinate, sin πx, a whole wave, along the second
    curved: Formula = lambda s, a: 5 * a[..., 0] ** 2 + 0.1 * np.sin(np.pi * a[..., 1]) + s[..., 0]  # noqa: E731
    subject = agent([curved] * 2, [curved] * 2, np.arange(4.0)[:, None], [0, 0, 1, 1], n_actions=2)
    slope, bend = lines_smoothness(subject, subject.plain)
    assert bend == pytest.approx(np.mean([8, 2**0.5 * np.pi**2]), rel=0.05)
    assert slope == pytest.approx(np.mean([4 / 3**0.5, np.pi / 2**0.5]), rel=0.05)


@pytest.mark.parametrize(
    "name", [name for name, measure in MEASURES.items() if measure.curves[0].startswith("misleading/")]
)
def test_every_measure_reads_a_curve_that_is_recorded(name: str) -> None:
    measure = MEASURES.get(name)
    assert set(measure.curves) <= set(MisleadingScore.series)
    assert score([1], {curve: [0.25] for curve in measure.curves}, [name]) == {name: 0.25}


def test_a_soft_actor_critic_of_stable_baselines_is_loaded_too() -> None:
    model = SAC("MlpPolicy", "Pendulum-v1", ent_coef=0.1, buffer_size=300, policy_kwargs={"net_arch": [8]})
    buffer = io.BytesIO()
    model.save(buffer)
    text = TEXT.replace("SAC: {algo: sddpg", "SAC: {algo: sac").replace("of: SAC, algo: sddpg", "of: SAC, algo: sac")
    run = next(each for each in planned(text).runs if each.variant.label == "Q, ent_coef=0.1")
    common = {key: value for key, value in run.definition.items() if key != "seed"}
    (result,) = MisleadingScore().run(Task(common, (0,), {"of": [{MODEL: buffer.getvalue()}]}), Surroundings())
    assert np.isfinite(result.curves["misleading/excess"]).all()
