"""The options of ``sb3-entropy probe``: a probe's own are its fields, with what their docstring says as help."""

import types
import typing
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import MISSING
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np

from sb3_entropy.engines import ENGINES
from sb3_entropy.errors import unknown
from sb3_entropy.landscape.probes.base import Probe
from sb3_entropy.landscape.probes.settings import PROBES, Setting, find_probe, settings_of
from sb3_entropy.landscape.stepping.making import BACKENDS
from sb3_entropy.studies.commands import DEFAULT_REPORTS
from sb3_entropy.zoo.options import add_env_kwargs_option, add_packages_option, add_trust_option

DEFAULT_STORE = f"{DEFAULT_REPORTS}/landscape.sqlite"
_DESCRIPTION = (
    "What the landscape of the return is like around a trained agent (Ahmed et al. 2019), and that of Q over its "
    "actions (Zhang et al. 2025). Of the return what is evaluated is kept: the same command goes on where it was "
    "stopped."
)
#: probes of Q, by name: the module whose ``run`` has the options after it, and what it is for
Q_PROBES = {
    "q-landscape": (
        "sb3_entropy.cli.probe_q_landscape",
        "soft and plain Q over the actions in a few states: where are they greatest, and where does the policy go?",
    ),
    "misleading": (
        "sb3_entropy.cli.probe_misleading",
        "does entropy mislead this agent? a score with its interval, and what to try",
    ),
}


def parser_of(arguments: Sequence[str]) -> ArgumentParser:
    """
    :param arguments: the command line, which is looked at for an unknown probe
    :return: its parser, with a parser of its own for every probe
    :raises ValueError: if there is no such probe
    """
    given = named_probe(arguments)
    known = [*PROBES, *Q_PROBES]
    if given is not None and given not in known:
        raise ValueError(unknown("probe", given, known))
    parser = ArgumentParser("sb3-entropy probe", description=_DESCRIPTION)
    subparsers = parser.add_subparsers(dest="key", required=True, metavar="|".join(known))
    for key, (_, text) in PROBES.items():
        one = subparsers.add_parser(key, help=text, description=f"{text[0].upper()}{text[1:]}")
        # The others' modules are not imported.
        if given == key:
            _add_agents(one, key)
            _add_settings(one, key)
            if key == "perturbations":
                _add_wanted(one)
            _add_conditions(one)
            _add_evaluation(one)
    for key, (_, text) in Q_PROBES.items():
        subparsers.add_parser(key, help=text)
    return parser


def named_probe(arguments: Sequence[str]) -> str | None:
    """
    :param arguments: the command line
    :return: the name of a probe in it; None if it has only options
    """
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def folder_name(key: str, targets: Sequence[Path], at: Sequence[str]) -> str:
    """
    :param key: a probe's name
    :param targets: runs' folders, or files
    :param at: which of their agents
    :return: of the probe and the run or file, so that pages of different ones stand side by side
    """
    names = [
        target.stem if target.suffix == ".zip" else f"{target.resolve().parent.name}_{target.resolve().name}"
        for target in dict.fromkeys(targets)
    ]
    places = [] if list(at) == ["last"] else at if len(at) <= 2 else [f"{len(at)}_agents"]
    return "_".join(["probe", key, *names, *places])


def _add_agents(parser: ArgumentParser, key: str) -> None:
    one = "a run's folder <log>/<algo>/<env>_<n>, of train or of rl-zoo, or the zip of a model"
    known: dict[str, tuple[int | str, str]] = {
        "interpolate": (2, "two run folders <log>/<algo>/<env>_<n>, of train or of rl-zoo, or two zips"),
        "plane": ("+", f"{one}; or three of them, for the plane through three solutions of one policy"),
    }
    count, what = known.get(key, (1, one))
    parser.add_argument("agents", nargs=count, type=Path, metavar="RUN", help=what)
    parser.add_argument(
        "--at",
        nargs="+",
        default=["last"],
        metavar="AGENT",
        help="of a run's agents last, best, the steps of a checkpoint, several of these, or all for every checkpoint "
        "(default: last)",
    )
    parser.add_argument("--env", help="of a zip: the environment's id")
    parser.add_argument("--algo", help="of a zip: the algorithm's key (default: found from what is stored)")
    parser.add_argument(
        "--statistics",
        type=Path,
        metavar="FILE",
        help="of a zip: the pickle of the VecNormalize that it was trained under (default: its run's)",
    )
    add_packages_option(parser)
    add_env_kwargs_option(parser)
    add_trust_option(parser, default=False)


def _add_settings(parser: ArgumentParser, key: str) -> None:
    group = parser.add_argument_group("the probe")
    for setting in _offered(key):
        default = setting.default
        shown = " ".join(map(str, default)) if isinstance(default, tuple) else default
        group.add_argument(
            f"--{setting.name.replace('_', '-')}",
            dest=f"probe_{setting.name}",
            default=default,
            metavar=setting.name.upper(),
            help=f"{setting.doc} (default: {shown})".replace("%", "%%"),
            **_reading(setting),
        )


def _add_wanted(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("precision", "For what is wanted it is said how many episodes that takes.")
    either = group.add_mutually_exclusive_group()
    either.add_argument("--half-width", type=float, metavar="H", help="of the interval of a direction's curvature")
    either.add_argument(
        "--effect", type=float, metavar="E", help="a curvature that is to be found in 80 %% of cases after Holm"
    )


def _offered(key: str) -> list[Setting]:
    """Points and directions in the space of parameters are no options."""
    return [setting for setting in settings_of(find_probe(key)) if setting.kind is not Any]


def _reading(setting: Setting) -> dict[str, Any]:
    """:return: how its text is read, from its annotation"""
    kind = setting.kind
    kinds = get_args(kind) if get_origin(kind) in (typing.Union, types.UnionType) else (kind,)
    if any(get_origin(one) is Sequence for one in kinds):
        return {"type": float, "nargs": len(setting.default) if setting.name == "extent" else "+"}
    (one,) = (one for one in kinds if one is not type(None))
    return {"type": one}


def _add_conditions(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "conditions", "Each of several values is looked at in the same directions and episodes."
    )
    group.add_argument(
        "--std",
        nargs="+",
        type=_std,
        default=[None],
        metavar="σ",
        help="of a Gaussian policy in every state, 0 for its mean, own for its own (default: own)",
    )
    group.add_argument(
        "--ent-coef", nargs="+", type=float, default=[0.0], metavar="τ", help="τH is added to the reward (default: 0)"
    )
    group.add_argument(
        "--mix",
        nargs="+",
        type=float,
        default=[0.0],
        metavar="m",
        help="(1 − m)π + m uniform, over finitely many actions (default: 0)",
    )


def _std(text: str) -> float | None:
    return None if text == "own" else float(text)


def _add_evaluation(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("evaluation")
    group.add_argument("--backend", default="auto", help=f"{', '.join(BACKENDS)} (default: auto)")
    group.add_argument("--engine", default="process", help=f"{', '.join(ENGINES)} (default: process)")
    group.add_argument("--workers", type=int, help="processes at once (default: one a core)")
    group.add_argument("--gamma", type=float, default=1.0, help="discount factor of the return (default: 1)")
    group.add_argument("--max-steps", type=int, help="after which an episode is cut (default: the environment's limit)")
    group.add_argument("--episode-seed", type=int, default=0, help="of all episodes (default: 0)")
    group.add_argument(
        "--store",
        type=Path,
        default=Path(DEFAULT_STORE),
        help=f"the SQLite file of what is evaluated (default: {DEFAULT_STORE})",
    )
    group.add_argument(
        "-f", "--folder", type=Path, default=Path(DEFAULT_REPORTS), help=f"for pages (default: {DEFAULT_REPORTS})"
    )
    group.add_argument("--dry-run", action="store_true", help="say what it will cost, and end")


def probe_of(parsed: Namespace) -> Probe:
    """
    :param parsed: the command line's
    :return: the probe, checked; the other end of a line is put in later
    :raises ValueError: if a setting is out of range
    """
    cls = find_probe(parsed.key)
    given = {setting.name: getattr(parsed, f"probe_{setting.name}") for setting in _offered(parsed.key)}
    missing = {s.name: np.zeros(1) for s in settings_of(cls) if s.kind is Any and s.default is MISSING}
    found: Probe = cls(**given, **missing)
    return found
