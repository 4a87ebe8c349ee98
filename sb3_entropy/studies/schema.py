"""What the models of a YAML's keys are made of: their base, the types of values, and errors in our own words."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Self, TypeVar

import pydantic
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from sb3_entropy.errors import unknown

T = TypeVar("T")
#: run s is seeded with s times this, so that the environments of two runs never share a seed
SEED_STRIDE = 1000
#: NumPy's and Python's generators take seeds below 2³², the last environment's too
LARGEST_SEED = 2**32 // SEED_STRIDE - 1


class Keys(BaseModel):
    """
    A mapping of a YAML: every field is one of its keys, under its alias if it has one.

    The docstring below a field says what the key means, also to whoever leaves out one that is needed. No text is read
    as a number, and no ``true`` as 1. A validator that raises a ``ValueError`` says in it what was given too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)

    @classmethod
    def keys_and_meanings(cls) -> dict[str, str]:
        """:return: what the keys mean that the mapping may have"""
        return {field.alias or name: field.description or "" for name, field in cls.model_fields.items()}

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _in_our_words(cls, given: Any, validate: Callable[[Any], Self]) -> Self:
        try:
            return validate(given)
        except ValidationError as error:
            # Pydantic counts what is valid in a list, and would say of [1] where texts belong that it is too short too.
            found = [e for e in error.errors() if e["type"] != "too_short" or len(e["input"]) < e["ctx"]["min_length"]]
            told = [_told(cls, each) for each in found]
            raise ValidationError.from_exception_data(cls.__name__, told) from None


class Named(Keys):
    """What stands under a name, which is no key of its own: an arm, an environment, a study."""

    _name: str = pydantic.PrivateAttr("")

    @property
    def name(self) -> str:
        """:return: the name"""
        return self._name


def named(things: dict[str, Any]) -> dict[str, Any]:
    """
    :param things: some that have just been read, by name
    :return: the same; each knows its name now
    """
    for name, thing in things.items():
        thing._name = name
    return things


def by_kind(choices: Mapping[str, Any], meaning: str = "") -> PlainValidator:
    """
    A value that may be written in several ways, told apart by what it is. (A union of pydantic's tells what is wrong
    with it by each of them, under paths that are not the YAML's.)

    :param choices: the type of ``"a text"``, ``"a whole number"``, ``"a number"``, ``"a list"``, ``"a mapping"`` …
    :param meaning: what these stand for, for messages
    :return: what to annotate a field with
    """
    adapters = {kind: pydantic.TypeAdapter(choice) for kind, choice in choices.items()}

    def chosen(given: Any) -> Any:
        kind = _kind(given)
        adapter = adapters.get("a number" if kind == "a whole number" and kind not in adapters else kind)
        if adapter is None:
            raise ValueError(f"must be {' or '.join(adapters)}{meaning and f' ({meaning})'}{_but(given)}")
        return adapter.validate_python(given)

    return PlainValidator(chosen)


def by_tag(key: str, default: str, models: Mapping[str, type[Keys]]) -> PlainValidator:
    """
    A mapping of which one key says what kind of thing it is. That kind's model validates all of it.

    :param key: the key
    :param default: the kind where the key is absent
    :param models: by kind; looked into when a value is validated, so that kinds may be added until then
    :return: what to annotate a field with
    """

    def chosen(given: Any) -> Keys:
        kind = given.get(key, default) if isinstance(given, dict) else default
        if kind is None:
            raise ValidationError.from_exception_data(key, [_problem((key,), _NO_VALUE, kind)])
        if isinstance(kind, str) and kind in models:
            return models[kind].model_validate(given)
        raise ValidationError.from_exception_data(key, [_problem((key,), unknown(key, kind, models), kind)])

    return PlainValidator(chosen)


def refuse_keys(given: Mapping[str, Any], keys: Iterable[str], where: tuple[str, ...], text: str) -> None:
    """
    :param given: a mapping
    :param keys: what may not stand in it
    :param where: its path, in what is being validated
    :param text: what is to be said of such a key
    :raises ValidationError: if one does
    """
    if wrong := sorted(given.keys() & {*keys}):
        raise ValidationError.from_exception_data("keys", [_problem((*where, key), text, given[key]) for key in wrong])


def _told(model: type[Keys], error: Any) -> InitErrorDetails:
    """One of pydantic's errors as we say it: what was given, what is allowed, what to do."""
    kind, path, given, limits = error["type"], error["loc"], error["input"], error.get("ctx", {})
    keys = model.keys_and_meanings()
    if kind == "extra_forbidden":
        text = unknown("key", path[-1], keys)
    elif kind == "missing":
        *path, missing = path
        text = f"the key {missing!r} is missing: {keys[missing]}"
    elif kind == "literal_error":
        text = unknown("value", given, re.findall(r"'([^']*)'", limits["expected"]))
    elif kind in _SENTENCES:
        text = _SENTENCES[kind].format(**limits) + _but(given)
    else:  # what a validator says, of this model or of one below
        text = str(limits.get("error", error["msg"]))
    return _problem(path, text, given)


_NO_VALUE = "must have a value, but None was given; write one, or take the key out"
#: by pydantic's type of error
_SENTENCES = {
    "bool_type": "must be true or false",
    "dict_type": "must be a mapping",
    "float_type": "must be a number",
    "greater_than": "must be greater than {gt:.12g}",
    "greater_than_equal": "must be at least {ge:.12g}",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt:.12g}",
    "less_than_equal": "must be at most {le:.16g}",
    "list_type": "must be a list",
    "model_type": "must be a mapping",
    "string_too_short": "must have this many letters or more: {min_length}",
    "string_type": "must be a text",
    "too_long": "must have this many entries or fewer: {max_length}",
    "too_short": "must have this many entries or more: {min_length}",
    "tuple_type": "must be a list",
}


def _problem(path: tuple[str | int, ...], text: str, given: Any) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("told", "{text}", {"text": text}), loc=path, input=given)


def _but(given: Any) -> str:
    """What was given; YAML 1.1 reads ``1e5`` as text."""
    hint = "; YAML reads a number with an exponent as text unless it has a point and a sign: write "
    exponent = isinstance(given, str) and re.fullmatch(r"[0-9.]+[eE]\d+", given)
    return f", but {given!r} was given{f'{hint}{float(given)!r}' if exponent else ''}"


def _kind(given: Any) -> str:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return "a whole number" if isinstance(given, int) or given.is_integer() else "a number"
    return {bool: "true or false", dict: "a mapping", list: "a list", str: "a text"}.get(type(given), "empty")


def _stated(given: Any) -> Any:
    if given is None:
        raise ValueError(_NO_VALUE)
    return given


def _whole(given: Any) -> Any:
    return int(given) if _kind(given) == "a whole number" else given


def _as_written(given: Any, validate: Callable[[Any], Any]) -> Any:
    validate(given)
    return given


def _distinct(given: Any) -> Any:
    for n, value in enumerate(given):
        if any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in given[:n]):
            raise ValueError(f"nothing may stand in it twice, but {value!r} does; take one of them out")
    return given


Text = Annotated[str, Field(strict=True, min_length=1)]
#: also ``4.0``, which is then 4
Whole = Annotated[int, Field(strict=True), BeforeValidator(_whole)]
#: 1 stays 1, which is not 1.0 where it is printed or hashed
Real = Annotated[float, Field(strict=True), pydantic.WrapValidator(_as_written)]
#: a key that may be left out; to write ``null`` is no way to do so
Maybe = Annotated[T | None, BeforeValidator(_stated)]
Listed = Annotated[tuple[T, ...], Field(strict=False)]
Distinct = Annotated[tuple[T, ...], Field(strict=False), AfterValidator(_distinct)]
#: at least one, and none twice
Some = Annotated[tuple[T, ...], Field(strict=False, min_length=1), AfterValidator(_distinct)]
Sweep = dict[str, Annotated[list[Any], Field(min_length=1), AfterValidator(_distinct)]]
