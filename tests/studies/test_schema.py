"""A key of a study's YAML is one field of a model: its type, range, default, meaning and messages come from there."""

from types import SimpleNamespace
from typing import Annotated

import pytest
import yaml
from pydantic import Field, ValidationError

from sb3_entropy.registry import JOBS
from sb3_entropy.studies import spec
from sb3_entropy.studies.schema import Keys, Maybe, Real, Text, Whole
from sb3_entropy.studies.spec import Arm, EvaluationSpec, Study, TrainArm, parse_study
from tests.studies.specs import TINY, study, text


class WithABudget(Study):
    budget: Annotated[Whole, Field(ge=1, le=100)] = 7
    """what it may cost"""
    payer: Text
    """who pays"""


class Ascent(Arm):
    """The model of another kind of runs."""

    step: Annotated[Real, Field(gt=0)]
    """of the ascent"""
    starts: Maybe[Whole] = None
    """how many"""


def refused(yaml_text):
    """:return: key and text of each problem; each stands on the line of its key, or of the mapping that lacks one"""
    with pytest.raises(ValueError, match="nothing has been run") as caught:
        parse_study("bad", yaml_text, "bad.yml")
    found, lines = [], yaml_text.splitlines()
    for told in str(caught.value).splitlines()[1:]:
        where, _, said = told.partition(": ")
        number, _, key = where.strip().removeprefix("line ").partition(", ")
        last = "" if key.endswith("]") or key == "the whole file" else f"{key.rpartition('.')[2]}:"
        assert last in lines[int(number) - 1]
        found.append((key, said))
    return found


@pytest.fixture
def budgeted(monkeypatch):
    monkeypatch.setattr(spec, "Study", WithABudget)


@pytest.mark.usefixtures("budgeted")
def test_a_key_is_added_in_one_place():
    assert study(payer="she").budget == 7
    assert study(payer="she", budget=8.0).budget == 8
    (missing, wrong, strange) = refused(text(budget=101, bugdet=3))
    assert missing == ("the whole file", "the key 'payer' is missing: who pays")
    assert wrong == ("budget", "must be at most 100, but 101 was given")
    assert strange[0] == "bugdet"
    assert strange[1].startswith("Unknown key 'bugdet'. Available: also, arms, budget, ")
    assert strange[1].endswith("Did you mean 'budget'?")


@pytest.fixture
def kinds(monkeypatch):
    known = {"train": JOBS.get("train"), "ascent": SimpleNamespace(settings=Ascent)}
    monkeypatch.setattr(JOBS, "_things", known)


@pytest.mark.usefixtures("kinds")
def test_an_arms_kind_has_keys_of_its_own():
    arms = study(arms={**TINY["arms"], "exact": {"job": "ascent", "step": 1, "sweep": {"a": [1]}}}).arms
    assert {name: (arm.name, arm.job, type(arm)) for name, arm in arms.items()} == {
        "PPO": ("PPO", "train", TrainArm),
        "SPPO": ("SPPO", "train", TrainArm),
        "exact": ("exact", "ascent", Ascent),
    }
    wrong = {"A": {"job": "ascent", "step": 0, "algo": "ppo"}, "B": {"job": "train"}, "C": {"job": "assent"}, "D": [1]}
    assert refused(text(arms=wrong)) == [
        ("arms.A.step", "must be greater than 0, but 0 was given"),
        ("arms.A.algo", "Unknown key 'algo'. Available: job, keep, starts, step, sweep."),
        ("arms.B", "the key 'algo' is missing: the algorithm's key"),
        ("arms.C.job", "Unknown job 'assent'. Available: ascent, train. Did you mean 'ascent'?"),
        ("arms.D", "must be a mapping, but [1] was given"),
    ]


def test_a_study_without_the_key_trains():
    assert {arm.job for arm in study().arms.values()} == {"train"}
    known = ", ".join(JOBS.keys())
    assert ("arms.PPO.job", f"Unknown job 3. Available: {known}.") in refused(
        text(arms={"PPO": {"algo": "ppo", "job": 3}})
    )


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"timesteps": True}, "timesteps", "must be a whole number, but True was given"),
        ({"claim": 3}, "claim", "must be a text, but 3 was given"),
        ({"claim": ""}, "claim", "must have this many letters or more: 1, but '' was given"),
        ({"level": 1}, "level", "must be less than 1, but 1 was given"),
        ({"seeds": [1, 1.0]}, "seeds", "nothing may stand in it twice, but 1 does; take one of them out"),
        ({"seeds": 2.5}, "seeds", "must be a whole number or a list, but 2.5 was given"),
        ({"seeds": []}, "seeds", "must have this many entries or more: 1, but [] was given"),
        ({"packages": [3]}, "packages[0]", "must be a text, but 3 was given"),
        ({"environments": 3}, "environments", "must be a list or a mapping, but 3 was given"),
        ({"arms": {}}, "arms", "must have this many entries or more: 1, but {} was given"),
        ({"sweep": {"gamma": 0.9}}, "sweep.gamma", "must be a list, but 0.9 was given"),
        ({"hyperparams": [1]}, "hyperparams", "must be a mapping, but [1] was given"),
        ({"measures": "entropy"}, "measures", "must be a list, but 'entropy' was given"),
        ({"figures": [{"measure": "entropy"}]}, "figures[0]", "the key 'figure' is missing: the figure's name"),
        ({"vec_env": "envpol"}, "vec_env", "Available: dummy, envpool, native. Did you mean 'envpool'?"),
        ({"environments": {"CartPole-v1": {"score_range": [1]}}}, "score_range", "entries or more: 2, but [1]"),
        ({"environments": {"CartPole-v1": {"score_range": [1, 2, 3]}}}, "score_range", "entries or fewer: 2, but [1"),
        ({"environments": {"CartPole-v1": 3}}, "environments.CartPole-v1", "must be empty or a mapping, but 3 was"),
        ({"also": [{**TINY["decision"][0], "control": ""}]}, "also[0].control", "must have this many letters or more"),
        ({"also": [{**TINY["decision"][0], "control": 3}]}, "also[0].control", "must be a text or a mapping (an arm,"),
        ({"also": [{**TINY["decision"][0], "control": {"value": 1}}]}, "also[0].control", "the key 'source' is"),
        ({"also": [{**TINY["decision"][0], "treatment": ["PPO", {}]}]}, "also[0].treatment[1]", "the key 'arm' is"),
    ],
)  # fmt: skip
def test_what_a_value_must_be(changes, key, words):
    ((where, said),) = refused(text(**changes))
    assert where.endswith(key)
    assert words in said


def test_null_leaves_no_key_out():
    given = yaml.safe_load(text())
    given["timesteps"] = given["arms"]["PPO"]["preset"] = None
    said = "must have a value, but None was given; write one, or take the key out"
    assert refused(yaml.safe_dump(given, sort_keys=False)) == [("timesteps", said), ("arms.PPO.preset", said)]


def test_numbers_that_are_printed_or_hashed_stay_as_they_are_written():
    rule = {**TINY["decision"][0], "margin": 2, "share_at_least": 3.0}
    (criterion,) = study(decision=[rule], hyperparams={"gamma": 1, "batch_size": 32.0}).criteria
    assert [type(value) for value in (criterion.margin, criterion.share_at_least)] == [int, float]
    assert repr(study(hyperparams={"gamma": 1, "batch_size": 32.0}).hyperparams) == "{'gamma': 1, 'batch_size': 32.0}"


def test_a_spec_is_not_changed_in_place_and_keeps_its_name_in_a_copy():
    known = study()
    with pytest.raises(ValidationError, match="frozen"):
        known.level = 0.9
    other = known.model_copy(update={"seeds": (0,)}).renamed("other")
    assert (known.name, known.seeds, other.name, other.seeds) == ("tiny", (0, 1, 2), "other", (0,))
    assert other.document is known.document
    assert other.arms["PPO"].name == "PPO"


def test_the_models_say_what_is_wrong_without_a_file_too():
    with pytest.raises(ValidationError, match="must be at least 1, but 0 was given"):
        EvaluationSpec(points=0)


def test_every_key_says_what_it_means():
    models, seen = [Keys], set()
    while models:
        model = models.pop()
        seen.add(model.__name__)
        models += [each for each in model.__subclasses__() if each.__module__.startswith("sb3_entropy")]
        assert all(field.description for field in model.model_fields.values()), model
    assert {"Criterion", "Published", "Arm", "TrainArm", "EnvironmentSpec"} <= seen
