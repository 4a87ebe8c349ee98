"""``sb3-entropy probe q-landscape``: soft and plain Q of an agent over its actions."""

import shlex
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path

from sb3_entropy.cli.probe_options import folder_name
from sb3_entropy.cli.q_options import add_agent_options, agent_of, subject_of
from sb3_entropy.landscape.q import planes, states
from sb3_entropy.landscape.q.actions import SIDES
from sb3_entropy.landscape.q.asked import check_asked
from sb3_entropy.landscape.q.surface import q_landscape
from sb3_entropy.studies.commands import DEFAULT_REPORTS

KEY = "q-landscape"
_DESCRIPTION = (
    "Soft and plain Q over the actions in a few states, with the policy's density, its mode and both maxima, their "
    "difference, and where the actor's gradient goes (Zhang et al. 2025). Of SACAdaEnt its own critics; of other "
    "agents critics are fitted to a replay buffer or to fresh episodes."
)


def run(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line after the probe's name
    :return: 0
    :raises ValueError: if the agent or an option is wrong
    """
    parsed = _parser().parse_args(arguments)
    agent = agent_of(parsed)
    asked = (parsed.states, parsed.plane, parsed.resolution, parsed.n_states)
    check_asked(agent.model, *asked, ent_coef=parsed.ent_coef, std=parsed.std)
    subject = subject_of(parsed, agent)
    print(" ".join([f"{KEY} of {subject.name}.", *subject.remarks]), flush=True)
    found = q_landscape(
        subject,
        parsed.states,
        parsed.plane,
        parsed.resolution,
        n_states=parsed.n_states,
        seed=parsed.plane_seed,
    )
    print("\n".join(f"  {sentence}" for sentence in found.sentences()))
    from sb3_entropy.reports.q import write_q_page

    page = write_q_page(
        found,
        parsed.folder / folder_name(KEY, [parsed.agent], [parsed.at]),
        calibration=subject.calibration,
        settings=_settings(parsed),
        command=shlex.join(["sb3-entropy", "probe", KEY, *arguments]),
    )
    print(f"Report: {page}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(f"sb3-entropy probe {KEY}", description=_DESCRIPTION)
    add_agent_options(parser)
    group = parser.add_argument_group("the landscape")
    group.add_argument(
        "--states",
        choices=states.KINDS,
        default="critical",
        help="critical: where plain- and soft-greedy actions differ most in plain value; visited: evenly over episodes "
        "(default: critical)",
    )
    group.add_argument("--n-states", type=int, default=4, help="how many of them (default: 4)")
    group.add_argument(
        "--plane",
        type=_plane,
        default="principal",
        metavar="|".join([*planes.KINDS, "i,j"]),
        help="of more than two actions: along the principal directions of the policy's modes, through the plain- and "
        "the soft-greedy action, along random directions, or of the coordinates i and j (default: principal)",
    )
    group.add_argument("--plane-seed", type=int, default=0, help="of random directions (default: 0)")
    group.add_argument(
        "--resolution",
        type=int,
        help=f"points along each axis (default: {SIDES[1]} on a line, {SIDES[2]} on a plane)",
    )
    parser.add_argument(
        "-f", "--folder", type=Path, default=Path(DEFAULT_REPORTS), help=f"for pages (default: {DEFAULT_REPORTS})"
    )
    return parser


def _plane(text: str) -> str | tuple[int, ...]:
    if text in planes.KINDS:
        return text
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise ArgumentTypeError(
            f"must be one of {', '.join(planes.KINDS)}, or two coordinates such as 0,3, but {text!r} was given"
        ) from None


def _settings(parsed: Namespace) -> list[tuple[str, str]]:
    """:return: of every option its name and value, in the order of the help"""
    shown = {name: value for name, value in vars(parsed).items() if name not in ("folder", "trust")}
    return [(name.replace("_", " "), _text(value)) for name, value in shown.items()]


def _text(value: object) -> str:
    if value is None or value in ([], {}):
        return "not given"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
