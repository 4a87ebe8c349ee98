"""The probes by their names, and their settings by their docstrings: one source for command line and pages."""

import dataclasses
import inspect
import re
import typing
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sb3_entropy.errors import check_choice
from sb3_entropy.landscape.probes.base import Probe

#: by name: the module in this package and its class; imported when it is asked for
PROBES = {
    "perturbations": (
        "perturbations:Perturbations",
        "what steps along random directions change, and the class of each",
    ),
    "interpolate": ("interpolation:Interpolation", "the return on the line through two solutions: is there a valley?"),
    "plane": ("plane:Plane", "the return in a plane through the solution, as a map"),
    "line-search": ("line_search:LineSearch", "how far a step along the estimated gradient improves"),
    "curvature": ("curvature:ImprovementCurvature", "slope and curvature along the direction of improvement"),
    "spectrum": ("spectrum:Spectrum", "both ends of the Hessian's spectrum: maximum, minimum or saddle?"),
}


@dataclass(frozen=True)
class Setting:
    """
    A field of a probe.

    :param name: the field's
    :param default: its value if none is given; ``dataclasses.MISSING`` if one must be
    :param kind: its annotation
    :param doc: what it means, as plain text
    """

    name: str
    default: Any
    kind: Any
    doc: str


def find_probe(key: str) -> type[Probe]:
    """
    :param key: a name of :data:`PROBES`
    :return: the probe's class
    :raises ValueError: if there is none of that name
    """
    check_choice("probe", key, PROBES)
    module, _, name = PROBES[key][0].partition(":")
    found: type[Probe] = getattr(import_module(f"sb3_entropy.landscape.probes.{module}"), name)
    return found


def settings_of(probe: type[Probe]) -> list[Setting]:
    """
    :param probe: a probe's class, a dataclass whose docstring has a ``:param`` for each field
    :return: its settings, in order
    """
    docs = _docs(inspect.getdoc(probe) or "")
    kinds = typing.get_type_hints(probe)
    fields: Any = dataclasses.fields(probe)  # type: ignore[arg-type]
    return [Setting(field.name, field.default, kinds[field.name], docs.get(field.name, "")) for field in fields]


def _docs(docstring: str) -> dict[str, str]:
    found = re.findall(r"^:param (\w+): (.*?)(?=^:|\Z)", docstring, re.DOTALL | re.MULTILINE)
    return {name: _plain(" ".join(text.split())) for name, text in found}


def _plain(text: str) -> str:
    text = re.sub(r":\w+:`~?([^`]*)`", lambda role: role[1].rpartition(".")[2], text)
    return text.replace("``", "")
