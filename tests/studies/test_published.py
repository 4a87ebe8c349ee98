"""What a source reports: read and checked with the study, without any part in its runs and its verdict."""

import shutil

import pytest
import yaml

from sb3_entropy.store import Store
from sb3_entropy.studies.check import check_study
from sb3_entropy.studies.library import results_folder, study_files
from sb3_entropy.studies.plan import Plan
from sb3_entropy.studies.published import misplaced, published_values
from sb3_entropy.studies.results import collect, digest, kept_outcome
from sb3_entropy.studies.spec import parse_study, read_study
from tests.studies.specs import study, text

TWO = {"environments": ["CartPole-v1", "Acrobot-v1"]}


def refused(published, **changes):
    """What is said, in the lines of the YAML that it is said of."""
    yaml_text = text(published=published, **changes)
    with pytest.raises(ValueError, match="nothing has been run") as caught:
        check_study(Plan(parse_study("bad", yaml_text, "bad.yml")), done=lambda _: True)
    lines = yaml_text.splitlines()
    said = []
    for line in str(caught.value).splitlines()[1:]:
        where, _, words = line.strip().partition(", ")
        said.append((lines[int(where.removeprefix("line ")) - 1].strip(), words))
    return said


def test_an_arms_number_is_that_of_its_variants_unless_they_have_their_own():
    given = {"entropy": {"PPO": 0.5}, "final_return": {"SPPO": 30, "SPPO, ent_coef=0.1": -4.5}}
    one = study(published={"note": "one seed", **given})
    assert one.published.note == "one seed"
    assert list(published_values(Plan(one)).items()) == [
        (("final_return", "CartPole-v1", "SPPO, ent_coef=0.01"), 30.0),
        (("final_return", "CartPole-v1", "SPPO, ent_coef=0.1"), -4.5),
        (("entropy", "CartPole-v1", "PPO"), 0.5),
    ]


def test_numbers_of_several_environments_stand_under_each():
    given = {"Acrobot-v1": {"final_return": {"PPO": -90}}, "CartPole-v1": {"final_return": {"PPO": 500}}}
    assert published_values(Plan(study(published=given, **TWO))) == {
        ("final_return", "CartPole-v1", "PPO"): 500.0,
        ("final_return", "Acrobot-v1", "PPO"): -90.0,
    }


def test_nothing_is_published_by_default():
    plain = study()
    assert plain.published.numbers == {}
    assert plain.published.note == ""
    assert published_values(Plan(plain)) == {}
    assert published_values(Plan(study(published={"note": "the source has a figure, and no numbers"}))) == {}


def test_a_sound_study_with_published_numbers_is_let_through():
    sound = study(published={"final_return": {"PPO": 9, "SPPO, ent_coef=0.1": 12.5}})
    assert len(check_study(Plan(sound), done=lambda _: True)) == 9


@pytest.mark.parametrize(
    ("published", "line", "words"),
    [
        (
            {"final_retrun": {"PPO": 1}},
            "final_retrun:",
            "published.final_retrun: Unknown measure of this study 'final_retrun'. Available: entropy, final_return. "
            "Did you mean 'final_return'? In a study with one environment the order is measure, arm: number.",
        ),
        # A measure that there is, but that this study does not score.
        ({"drawdown": {"PPO": 1}}, "drawdown:", "Unknown measure of this study 'drawdown'"),
        (
            {"final_return": {"PPO": 1, "SPO": 2}},
            "SPO: 2",
            "published.final_return.SPO: Unknown arm of this study 'SPO'. Available: PPO, SPPO, SPPO, ent_coef=0.01, "
            "SPPO, ent_coef=0.1. Did you mean",
        ),
        ({"final_return": {"SPPO, ent_coef=0.2": 1}}, "SPPO, ent_coef=0.2: 1", "Unknown arm of this study"),
        (
            {"CartPole-v1": {"final_return": {"PPO": 1}}},
            "CartPole-v1:",
            "Unknown measure of this study 'CartPole-v1'. Available: entropy, final_return. "
            "In a study with one environment the order is measure, arm: number.",
        ),
        (
            {"final_return": {"PPO": {"mean": 1}}},
            "PPO:",
            "published.final_return.PPO: must be a number, but {'mean': 1} was given. In a study with one environment",
        ),
    ],
)
def test_a_number_that_belongs_to_nothing_is_refused(published, line, words):
    ((where, said),) = refused(published)
    assert where == line
    assert words in said


@pytest.mark.parametrize(
    ("published", "line", "words"),
    [
        (
            {"final_return": {"PPO": 1}},
            "final_return:",
            "Unknown environment of this study 'final_return'. Available: Acrobot-v1, CartPole-v1. "
            "In a study with several environments the order is environment, measure, arm: number.",
        ),
        ({"CartPole-v0": {"final_return": {"PPO": 1}}}, "CartPole-v0:", "Did you mean 'CartPole-v1'?"),
        (
            {"CartPole-v1": {"final_return": 1}},
            "final_return: 1",
            "published.CartPole-v1.final_return: must be a mapping by arm, but 1 was given. In a study with several",
        ),
        ({"CartPole-v1": {"final_return": {"SAC": 1}}}, "SAC: 1", "Unknown arm of this study 'SAC'"),
    ],
)
def test_with_several_environments_the_environment_comes_first(published, line, words):
    ((where, said),) = refused(published, **TWO)
    assert where == line
    assert words in said


@pytest.mark.parametrize(
    ("published", "words"),
    [
        ([1], "published: must be a mapping, but [1] was given"),
        ({"note": 3, "entropy": {"PPO": 1}}, "published.note: must be a text, but 3 was given"),
        ({"entropy": 0.5}, "published.entropy: must be a mapping, but 0.5 was given"),
        ({"entropy": {}}, "published.entropy: must have this many entries or more: 1"),
        ({"entropy": {"PPO": True}}, "published.entropy.PPO: must be a number or a mapping, but True was given"),
        ({"entropy": {"PPO": "5e3"}}, "write 5000.0"),
        ({"CartPole-v1": {"entropy": {"PPO": "low"}}}, "entropy.PPO: must be a number, but 'low' was given"),
        ({"entropy": {"PPO": float("nan")}}, "published.entropy.PPO: must be a finite number"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused_when_the_study_is_read(published, words):
    with pytest.raises(ValueError, match="nothing has been run") as caught:
        study(published=published)
    assert words in str(caught.value)


def test_all_of_it_is_told_with_the_rest_of_what_is_wrong():
    said = refused({"entropy": {"A2C": 1}, "gini": {"PPO": 2}}, measures=["entropy", "final_retrun"])
    assert {line for line, _ in said} == {"A2C: 1", "gini:", "- final_retrun"}


def test_numbers_that_belong_to_nothing_are_not_dropped_from_a_study_that_was_not_checked():
    wrong = study(published={"entropy": {"A2C": 1}})
    assert len(list(misplaced(Plan(wrong)))) == 1
    with pytest.raises(ValueError, match="Unknown arm of this study 'A2C'"):
        published_values(Plan(wrong))


def test_a_runs_identity_knows_nothing_of_it():
    with_it = study(published={"note": "one seed", "final_return": {"PPO": 9}})
    assert [run.run_id for run in Plan(with_it).runs] == [run.run_id for run in Plan(study()).runs]
    assert [run.definition for run in Plan(with_it).runs] == [run.definition for run in Plan(study()).runs]


def test_a_verdict_that_is_kept_stays_valid():
    with_it = study(published={"final_return": {"PPO": 9}})
    with Store(":memory:") as store:
        assert digest(with_it, store) == digest(study(), store)
        assert digest(with_it, store) != digest(study(claim="another"), store)
        assert collect(Plan(with_it), store, "a test").verdict == collect(Plan(study()), store, "a test").verdict


@pytest.mark.parametrize("name", [name for name, path in study_files().items() if results_folder(path, name).is_dir()])
def test_exported_results_stay_those_of_their_study(name, tmp_path):
    path = study_files()[name]
    committed = read_study(path)
    folder = results_folder(tmp_path / path.name, name)
    folder.mkdir(parents=True)
    for file in ("runs.csv", "verdict.json"):
        shutil.copy(results_folder(path, name) / file, folder)
    numbers = {committed.measures[0]: {next(iter(committed.arms)): 1.5}}
    given = dict.fromkeys(committed.environments, numbers) if len(committed.environments) > 1 else numbers
    (tmp_path / path.name).write_text(yaml.safe_dump({**committed.document.values, "published": given}))
    extended = read_study(tmp_path / path.name)
    assert published_values(Plan(extended))
    assert dict(extended.model_copy(update={"published": committed.published})) == dict(committed)
    assert kept_outcome(extended) == kept_outcome(committed)
    assert "judged again" not in kept_outcome(extended)
