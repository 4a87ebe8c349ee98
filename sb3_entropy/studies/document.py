"""A study's YAML as it is read: its values, the lines on which they stand, and what is wrong with them."""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from sb3_entropy.errors import unknown
from sb3_entropy.presets.library import UniqueKeysLoader
from sb3_entropy.studies.schema import SCHEMA

Key = tuple[str | int, ...]
#: where something is wrong, and what
Problem = tuple[Key, str]


@dataclass(frozen=True)
class Document:
    """
    A YAML file that has been read.

    :param origin: where it was read, for messages
    :param values: plain data
    :param lines: the line of every key and list item, from 1
    :param text: the file
    """

    origin: str
    values: dict[str, Any]
    lines: dict[Key, int]
    text: str

    def where(self, key: Key) -> str:
        """
        :param key: the path to a value, e.g. ``("arms", "ppo", "algo")``
        :return: e.g. ``line 12, arms.ppo.algo``
        """
        known = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.lines), ())
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")
        return f"line {self.lines.get(known, 1)}, {name or 'the whole file'}"

    def at(self, key: Key) -> Any:
        """
        :param key: the path to a value
        :return: the value
        """
        value: Any = self.values
        for part in key:
            value = value[part]
        return value

    def refuse(self, problems: Iterable[Problem]) -> None:
        """
        :param problems: what is wrong, and where
        :raises ValueError: if there are any: all of them in one message, in the order of their lines
        """
        told = ((key, " ".join(text.split())) for key, text in problems)  # a line each, whoever wrote it
        found = sorted({(self.lines.get(key[:1], 0), self.where(key), text) for key, text in told}, key=_by_line)
        if found:
            listed = "\n".join(f"  {where}: {text}" for _, where, text in found)
            many = f"{len(found)} problems" if len(found) > 1 else "a problem"
            raise ValueError(f"{self.origin} has {many}; nothing has been run.\n{listed}")


def _by_line(problem: tuple[int, str, str]) -> tuple[int, str]:
    match = re.match(r"line (\d+)", problem[1])
    return (int(match.group(1)) if match else 0), problem[1]


def read_document(path: Path) -> Document:
    """
    :param path: a YAML file
    :return: its content, which obeys :data:`SCHEMA`
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is not YAML, or a key is unknown, missing or of a wrong type
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no study in {path}. Correct the path, or see `sb3-entropy study list`.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not valid YAML: {error}") from error
    return parse_document(text, str(path))


def parse_document(text: str, origin: str) -> Document:
    """
    :param text: YAML
    :param origin: where it comes from, for messages
    :return: its content, which obeys :data:`SCHEMA`
    :raises ValueError: if it is not YAML, or a key is unknown, missing or of a wrong type
    """
    try:
        values = yaml.load(text, Loader=UniqueKeysLoader)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(f"{origin} is not valid YAML: {error}") from error
    if not isinstance(values, dict) or node is None:
        raise ValueError(f"{origin} must be a mapping with the keys of a study, but it holds {values!r}.")
    document = Document(origin, values, dict(_lines(node, ())), text)
    document.refuse(_not_plain(values, ()))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    document.refuse(problem for error in validator.iter_errors(values) for problem in _problems(error))
    return document


def _not_plain(value: Any, path: Key) -> Iterator[Problem]:
    """What JSON could not hold: it would be found when the first run is to be identified, or the last one judged."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield from _not_plain(inner, (*path, key))
            else:
                yield (*path, str(key)), f"a key must be a text, but {key!r} was given; put it in quotes"
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _not_plain(inner, (*path, index))
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"must be a finite number, but {value!r} was given"
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        yield path, f"must be a number of at most 64 bits, but {value!r} was given"
    elif not (value is None or isinstance(value, (str, int, float))):
        kind = type(value).__name__
        yield path, f"must be a number, a text, true, false, a list or a mapping, but {value!r} ({kind}) was given"


def _lines(node: yaml.Node, path: Key) -> Iterator[tuple[Key, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*path, _plain(key))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _lines(value, (*path, index))


def _plain(key: yaml.Node) -> str | int:
    return str(key.value)


def _problems(error: Any) -> Iterator[Problem]:
    path: Key = tuple(error.absolute_path)
    given = error.instance
    if error.validator == "oneOf" and error.context:
        # The alternative that fits the given type is the one that was meant.
        fitting: dict[Any, list[Any]] = {}
        for inner in error.context:
            fitting.setdefault(inner.schema_path[0], []).append(inner)
        meant = [errors for errors in fitting.values() if not any(_is_type_of(e, path) for e in errors)]
        if meant:
            yield from (problem for inner in meant[0] for problem in _problems(inner))
            return
        kinds = " or ".join(dict.fromkeys(_kind(e.validator_value) for e in error.context if e.validator == "type"))
        meaning = f" ({error.schema['description']})" if "description" in error.schema else ""
        yield path, f"must be {kinds}{meaning}, but {given!r} was given{_hint(given)}"
    elif error.validator == "additionalProperties" and error.validator_value is False:
        allowed = list(error.schema["properties"])
        for key in given:
            if key not in allowed:
                yield (*path, str(key)), unknown("key", key, allowed)
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in given:
                yield path, f"the key {key!r} is missing"
    elif error.validator == "type":
        yield path, f"must be {_kind(error.validator_value)}, but {given!r} was given{_hint(given)}"
    elif error.validator == "enum":
        yield path, unknown("value", given, error.validator_value)
    else:
        yield path, f"{_LIMITS.get(error.validator, error.validator)} {error.validator_value}, but {given!r} was given"


def _is_type_of(error: Any, path: Key) -> bool:
    return error.validator == "type" and tuple(error.absolute_path) == path


_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "null": "empty",
}
_LIMITS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "exclusiveMinimum": "must be greater than",
    "exclusiveMaximum": "must be less than",
    "multipleOf": "must be a multiple of",
    "minItems": "must have this many items or more:",
    "maxItems": "must have this many items or fewer:",
    "minLength": "must have this many letters or more:",
    "minProperties": "must have this many entries or more:",
    "uniqueItems": "nothing may stand in it twice: uniqueItems is",
}


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _hint(given: Any) -> str:
    """YAML 1.1 reads ``1e5`` as text."""
    if isinstance(given, str) and re.fullmatch(r"[0-9.]+[eE]\d+", given):
        return (
            f"; YAML reads a number with an exponent as text unless it has a point and a sign: write {float(given)!r}"
        )
    return ""
