"""A study's YAML as it is read: its values, the lines on which they stand, and what is wrong with them."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from sb3_entropy.presets.library import load_yaml

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

    def refusal(self, problems: Iterable[Problem]) -> ValueError:
        """
        :param problems: what is wrong, and where
        :return: all of them in one message, in the order of their lines
        """
        # a line each, whoever wrote it
        found = sorted({(*self._place(key), " ".join(text.split())) for key, text in problems})
        listed = "\n".join(f"  line {line}, {key}: {text}" for line, key, text in found)
        many = f"{len(found)} problems" if len(found) > 1 else "a problem"
        return ValueError(f"{self.origin} has {many}; nothing has been run.\n{listed}")

    def _place(self, key: Key) -> tuple[int, str]:
        """The line of a value, or of the innermost mapping or list around it that has one; and, e.g., arms.ppo.algo."""
        line = next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), 1)
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")
        return line, name or "the whole file"


def parse_document(text: str, origin: str) -> Document:
    """
    :param text: YAML
    :param origin: where it comes from, for messages
    :return: its content
    :raises ValueError: if it is not YAML, or holds what JSON could not hold
    """
    lines: dict[Key, int] = {}
    try:
        values = load_yaml(text, lambda node: lines.update(_lines(node, ())))
    except yaml.YAMLError as error:
        raise ValueError(f"{origin} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{origin} must be a mapping with the keys of a study, but it holds {values!r}.")
    document = Document(origin, values, lines, text)
    if wrong := [*_not_plain(values, ())]:
        raise document.refusal(wrong)
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
            inner = (*path, str(key.value))
            yield inner, key.start_mark.line + 1
            yield from _lines(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1
            yield from _lines(value, (*path, index))
