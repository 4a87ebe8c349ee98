"""A study as it stands in its YAML: a claim, the runs that test it, and the rule that decides it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from sb3_entropy.registry import JOBS
from sb3_entropy.studies.criteria import Change, Criterion
from sb3_entropy.studies.document import Document, parse_document
from sb3_entropy.studies.schema import (
    LARGEST_SEED,
    Distinct,
    Keys,
    Listed,
    Maybe,
    Named,
    Real,
    Some,
    Sweep,
    Text,
    Whole,
    by_kind,
    by_tag,
    named,
    refuse_keys,
)

Count = Annotated[Whole, Field(ge=1)]
Steps = Annotated[Whole, Field(ge=1, le=2**53)]


def _rising(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if bounds[0] >= bounds[1]:
        raise ValueError(f"must be what counts as 0 and what as 1, the lower number first, but {[*bounds]} was given")
    return bounds


_Bound = Annotated[float, Field(strict=True)]
_Bounds = Annotated[tuple[_Bound, ...], Field(strict=False, min_length=2, max_length=2), AfterValidator(_rising)]


class EnvironmentSpec(Named):
    """An environment of a study. Its name is Gymnasium's id."""

    env_kwargs: dict[str, Any] = Field(default_factory=dict)
    """its settings"""
    hyperparams: dict[str, Any] = Field(default_factory=dict)
    """hyperparameters of every arm in this environment"""
    timesteps: Maybe[Steps] = None
    """environment steps a run; the study's if absent"""
    score_range: Annotated[tuple[float, float] | None, by_kind({"a list": _Bounds})] = None
    """what counts as 0 and as 1 where scores of several environments are put together"""

    @property
    def env_id(self) -> str:
        """:return: Gymnasium's id"""
        return self.name


def _refuse_swept(swept: Mapping[str, Any], never: Iterable[str], where: tuple[str, ...] = ()) -> None:
    refuse_keys(swept, never, where, "cannot be swept; write an arm for each of its values")


class Arm(Named):
    """
    One of the things that are compared: what every kind of run has. A kind's own model derives from it.

    :cvar never_swept: keys that say what the arm is
    """

    never_swept: ClassVar[tuple[str, ...]] = ("job", "sweep", "keep")

    job: Text = "train"
    """the kind of its runs"""
    sweep: Sweep = Field(default_factory=dict)
    """values by hyperparameter, or by one of the arm's own keys: one variant of the arm for every combination"""
    keep: Distinct[Text] = ()
    """files of its runs that are kept, whether or not another arm needs them"""

    @field_validator("sweep")
    @classmethod
    def _sweepable(cls, swept: dict[str, list[Any]]) -> dict[str, list[Any]]:
        _refuse_swept(swept, cls.never_swept)
        return swept

    @model_validator(mode="before")
    @classmethod
    def _with_swept(cls, given: Any) -> Any:
        """A key that is swept need not have a value besides."""
        swept = given.get("sweep") if isinstance(given, dict) else None
        if not isinstance(swept, dict):
            return given
        first = {key: values[0] for key, values in swept.items() if isinstance(values, list) and values}
        return {**{key: value for key, value in first.items() if key in cls.keys_and_meanings()}, **given}


class TrainArm(Arm):
    """An arm whose runs are trainings."""

    never_swept = (*Arm.never_swept, "algo", "hyperparams", "preset")

    algo: Text
    """the algorithm's key"""
    hyperparams: dict[str, Any] = Field(default_factory=dict)
    """what goes over the study's hyperparameters, and a preset's"""
    preset: Maybe[Text] = None
    """whose preset is the basis: ``own``, another algorithm's key, or the path of a YAML; none if absent"""


class _Kinds(Mapping[str, type[Arm]]):
    """The model of an arm by its key ``job``."""

    def __getitem__(self, job: str) -> type[Arm]:
        model: type[Arm] = JOBS.get(job).settings
        return model

    def __iter__(self) -> Iterator[str]:
        return iter(JOBS.keys())

    def __len__(self) -> int:
        return len(JOBS.keys())

    def __contains__(self, job: object) -> bool:
        return job in JOBS


class EvaluationSpec(Keys):
    """When and how a policy is evaluated during training."""

    points: Count = 20
    """how many evaluations, evenly spaced, the last after the last update"""
    # each is played in an environment of its own, all at once
    episodes: Annotated[Count, Field(le=10_000)] = 10
    """episodes an evaluation and mode"""
    modes: Some[Literal["deterministic", "stochastic"]] = ("deterministic", "stochastic")
    """how actions are chosen"""
    log: Distinct[Text] = ("train/ent_coef",)
    """keys of the training's log to keep at these points"""


_Numbers = Annotated[dict[str, Real], Field(min_length=1)]
_Reported = Annotated[Any, by_kind({"a number": Real, "a mapping": _Numbers})]


class Published(Keys):
    """What the source itself reports. Keys beside ``note`` are those of :attr:`numbers`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[dict[str, _Reported], Field(min_length=1)]] = Field(init=False)

    note: Text = ""
    """how it came by its numbers"""

    @property
    def numbers(self) -> dict[str, Any]:
        """:return: by measure and arm or, in a study with several environments, by environment, measure and arm"""
        return self.model_extra or {}


class FigureSpec(Keys):
    """A figure of the report. Keys beside ``figure`` are its options."""

    model_config = ConfigDict(extra="allow")

    figure: Text
    """the figure's name"""


_Environment = by_kind(
    {"empty": Annotated[Any, PlainValidator(lambda _: EnvironmentSpec())], "a mapping": EnvironmentSpec}
)
_Environments = by_kind(
    {
        "a list": Annotated[Some[Text], AfterValidator(lambda ids: {env_id: EnvironmentSpec() for env_id in ids})],
        "a mapping": Annotated[dict[str, Annotated[EnvironmentSpec, _Environment]], Field(min_length=1)],
    }
)
_Seeds = by_kind(
    {
        "a whole number": Annotated[Count, Field(le=LARGEST_SEED + 1), AfterValidator(lambda n: tuple(range(n)))],
        "a list": Some[Annotated[Whole, Field(ge=0, le=LARGEST_SEED)]],
    }
)
_Arm = Annotated[Arm, by_tag("job", "train", _Kinds())]
_Figure = by_kind(
    {
        "a text": Annotated[Text, AfterValidator(lambda name: {"figure": name})],
        "a mapping": Annotated[FigureSpec, AfterValidator(FigureSpec.model_dump)],
    }
)


class Study(Named):
    """A study. Its name is its file's, without the ending."""

    _document: Document = PrivateAttr()

    question: Text = ""
    """the report's title"""
    claim: Text
    """what is claimed"""
    source: Text
    """where the claim is made"""
    remarks: Text = ""
    """what differs from the source"""
    finding: Text = ""
    """what was found, for and against; written afterwards"""
    environments: Annotated[dict[str, EnvironmentSpec], _Environments, AfterValidator(named)]
    """a list of ids, or settings by id"""
    packages: Some[Text] = ()
    """modules that register environments when they are imported"""
    vec_env: Literal["dummy", "native", "envpool"] = "dummy"
    """what steps the environments"""
    timesteps: Maybe[Steps] = None
    """environment steps a run"""
    seeds: Annotated[tuple[int, ...], _Seeds]
    """how many, or which"""
    evaluation: EvaluationSpec = EvaluationSpec()
    """when and how a policy is evaluated during training"""
    hyperparams: dict[str, Any] = Field(default_factory=dict)
    """of every arm, in rl-zoo's format"""
    sweep: Sweep = Field(default_factory=dict)
    """values by hyperparameter: every arm at every value"""
    arms: Annotated[dict[str, _Arm], Field(min_length=1), AfterValidator(named)]
    """what is compared, by name"""
    listed: Annotated[Some[Text], Field(alias="measures")] = ()
    """what is measured, besides what the criteria compare"""
    criteria: Annotated[Listed[Criterion], Field(alias="decision", min_length=1)]
    """the rule; the claim holds if all criteria do"""
    exhibits: Annotated[Listed[Criterion], Field(alias="also")] = ()
    """comparisons that are reported and decide nothing"""
    changes: Annotated[Listed[Change], Field(alias="changed")] = ()
    """what of claim and rule was changed after the runs, the oldest first; judged beside the rule, decides nothing"""
    published: Published = Published()
    """the source's numbers, which are reported beside ours and decide nothing"""
    figures: Listed[Annotated[dict[str, Any], _Figure]] = ({"figure": "learning_curves"}, {"figure": "differences"})
    """of the report: names, or mappings with options"""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """of confidence"""

    @model_validator(mode="after")
    def _sweepable(self) -> Self:
        _refuse_swept(self.sweep, {key for arm in self.arms.values() for key in arm.never_swept}, ("sweep",))
        return self

    @property
    def document(self) -> Document:
        """:return: the YAML, for messages and for the report"""
        return self._document

    @property
    def measures(self) -> tuple[str, ...]:
        """:return: what is measured: what the YAML lists, then what is compared"""
        former = (criterion for change in self.changes for criterion in change.criteria)
        compared = (*self.criteria, *self.exhibits, *former)
        gained = (criterion.ranks_with.measure for criterion in compared if criterion.ranks_with is not None)
        return tuple(dict.fromkeys([*self.listed, *(criterion.measure for criterion in compared), *gained]))

    def renamed(self, name: str) -> Self:
        """
        :param name: another name
        :return: the study under that name
        """
        other = self.model_copy()
        other._name = name
        return other


def read_study(path: Path) -> Study:
    """
    :param path: a YAML file
    :return: the study. Whether it can be run is another question: :func:`~sb3_entropy.studies.check.check_study`
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is not YAML, or a key is unknown, missing or of a wrong type
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no study in {path}. Correct the path, or see `sb3-entropy study list`.")
    # What is no text is no YAML either, which says where.
    return parse_study(path.stem, path.read_text(encoding="utf-8", errors="surrogateescape"), str(path))


def parse_study(name: str, text: str, origin: str) -> Study:
    """
    :param name: the study's name
    :param text: its YAML
    :param origin: where that comes from, for messages
    :return: the study
    :raises ValueError: if it is not YAML, or a key is unknown, missing or of a wrong type
    """
    document = parse_document(text, origin)
    try:
        study = Study.model_validate(document.values)
    except ValidationError as error:
        raise document.refusal((found["loc"], found["msg"]) for found in error.errors()) from None
    study._name, study._document = name, document
    return study
