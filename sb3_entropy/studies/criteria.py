"""The rule that decides a study, as it stands in the YAML."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, PlainValidator, model_validator

from sb3_entropy.studies.schema import Keys, Listed, Maybe, Real, Some, Text, by_kind


class Selection(Keys):
    """Some variants of an arm. Keys beside ``arm`` are swept hyperparameters, with the value that the variants have."""

    model_config = ConfigDict(extra="allow")

    arm: Text
    """the arm's name"""

    @property
    def settings(self) -> dict[str, Any]:
        """:return: values of swept hyperparameters; the variants have all values of those that are not named"""
        return self.model_extra or {}


class Number(Keys):
    """A number with which runs are compared, taken to be known exactly."""

    value: float
    """the number, in the measure's unit; a share of runs where shares are compared"""
    source: Text
    """who says it, and of what"""


def _several(given: Selection | tuple[Selection, ...]) -> tuple[Selection, ...]:
    return given if isinstance(given, tuple) else (given,)


def _selection_or_number(given: dict[str, Any]) -> Selection | Number:
    return (Number if "value" in given and "arm" not in given else Selection).model_validate(given)


_ByName = Annotated[Text, AfterValidator(lambda name: Selection(arm=name))]
#: in a YAML an arm's name, or a mapping with ``arm`` and swept values
ArmChoice = Annotated[Selection, by_kind({"a text": _ByName, "a mapping": Selection})]
_Selections = by_kind(
    {"a text": _ByName, "a mapping": Selection, "a list": Annotated[Listed[ArmChoice], Field(min_length=1)]}
)
_Control = by_kind(
    {"a text": _ByName, "a mapping": Annotated[Any, PlainValidator(_selection_or_number)]},
    "an arm, or a number with its source: {value: …, source: …}",
)


class Pair(Keys):
    """Two sides, one of which is subtracted from the other."""

    treatment: ArmChoice
    """what is claimed to differ"""
    control: ArmChoice
    """what it differs from"""


class Gain(Keys):
    """What is to be gained in a cell: what the best of some arms has beyond another."""

    measure: Text
    """the measure's name"""
    best_of: Annotated[tuple[Selection, ...], _Selections, AfterValidator(_several)]
    """an arm or several, of which the one with the highest mean counts in each cell"""
    over: ArmChoice
    """what they are compared with"""

    @property
    def sides(self) -> tuple[Selection, ...]:
        """:return: what is subtracted, and what it is subtracted from"""
        return (self.over, *self.best_of)


_Minus = by_kind({"a mapping": Annotated[Pair, AfterValidator(lambda pair: (pair.treatment, pair.control))]})


_Environments = by_kind({"a text": Literal["each", "all"], "a list": Some[Text]})


class Criterion(Keys):
    """
    A part of the rule that decides a claim: a difference that is expected, treatment minus control.

    Every variant of the treatment is compared with the variant of the control that has the same values of the
    hyperparameters that both sweep, in every environment; seeds are paired. Against a number there is nothing to pair.
    """

    measure: Text
    """the measure's name"""
    treatments: Annotated[tuple[Selection, ...], _Selections, AfterValidator(_several)] = Field(alias="treatment")
    """what is claimed to differ, an arm or several"""
    control: Annotated[Selection | Number, _Control]
    """what it differs from, an arm or a number with its source"""
    # "within ±margin of" is what is said of a number, "equivalent" of two arms.
    expect: Annotated[
        Literal["greater", "less", "not_less", "not_greater", "equivalent", "within"],
        AfterValidator(lambda expect: expect.replace("within", "equivalent")),
    ]
    """which way they differ"""
    margin: Annotated[Real, Field(ge=0)] = 0.0
    """for ``greater`` and ``less`` the least difference that counts, else the greatest that does not"""
    minus: Annotated[tuple[Selection, Selection] | None, _Minus] = None
    """treatment and control of another pair, whose difference is subtracted: an interaction"""
    share_at_least: Maybe[Real] = None
    """compare the share of runs that score at least this with a number"""
    share_at_most: Maybe[Real] = None
    """the same of runs that score at most this"""
    midpoint: Maybe[Text] = None
    """a swept hyperparameter: compare its value at which half of the runs say yes with a number"""
    statistic: Literal["mean", "iqm"] = "mean"
    """of the runs' scores"""
    environments: Annotated[str | tuple[str, ...], _Environments] = "each"
    """each by itself, normalised scores of all of them together, or a list: each of these by itself"""
    ranks_with: Maybe[Gain] = None
    """rank cells, variants in environments, by the measure and by this: ρ is compared with a number"""
    require: Literal["all", "any"] = "all"
    """whether all comparisons must agree or any one is enough"""
    name: Text = ""
    """what it is called in the report; measure and expectation if absent"""

    @model_validator(mode="before")
    @classmethod
    def _with_a_name(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {"name": f"{given.get('measure')} {given.get('expect')}", **given}


class Change(Keys):
    """What was changed after the runs had been seen."""

    why: Text
    """what was changed, and why"""
    claim: Text = ""
    """the claim as it stood before; absent if it stood as it does"""
    criteria: Annotated[Listed[Criterion], Field(alias="decision", min_length=1)] = ()
    """the rule as it stood before; absent if it stood as it does"""
