"""``sb3-entropy probe misleading``: whether entropy misleads an agent, by how much, and what to try."""

import shlex
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from sb3_entropy.cli.probe_options import folder_name
from sb3_entropy.cli.q_options import add_agent_options, agent_of, subject_of
from sb3_entropy.errors import check_number
from sb3_entropy.landscape.q.behaviours import behaviour_of
from sb3_entropy.landscape.q.misleading import MOST_STATES, check_askable, misleading
from sb3_entropy.statistics.methods import REPLICATES, check_request
from sb3_entropy.studies.commands import DEFAULT_REPORTS

KEY = "misleading"
_DESCRIPTION = (
    "What the actions at which soft Q is greatest give up by plain Q, as a share of what actions can make a difference "
    "of, beyond what two plain fits differ by; with intervals over episodes and fits, and a sentence on what to try "
    "(after Zhang et al. 2025)."
)


def run(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line after the probe's name
    :return: 0
    :raises ValueError: if the agent or an option is wrong, before anything is played if it can be
    """
    parsed = _parser().parse_args(arguments)
    check_number("--states", parsed.states, low=1, integer=True)
    check_number("--level", parsed.level, low=0, high=1, open_low=True)
    check_request(parsed.level, "auto", REPLICATES)
    agent = agent_of(parsed)
    is_stochastic = behaviour_of(agent.model.policy, parsed.std).is_stochastic
    check_askable(
        f"{type(agent.model).__name__} of {parsed.agent}", is_stochastic, None if parsed.own else parsed.refits
    )
    subject = subject_of(parsed, agent)
    print(" ".join([f"{KEY}: {subject.name}.", *subject.remarks]), flush=True)
    found = misleading(subject, states=parsed.states, level=parsed.level)
    print("\n".join(f"  {sentence}" for sentence in found.sentences()))
    from sb3_entropy.reports.misleading import write_misleading_page

    page = write_misleading_page(
        found,
        parsed.folder / folder_name(KEY, [parsed.agent], [parsed.at]),
        remarks=[*subject.remarks, *(subject.calibration.sentences() if subject.calibration is not None else [])],
        command=shlex.join(["sb3-entropy", "probe", KEY, *arguments]),
    )
    print(f"Report: {page}")
    return 0


def _parser() -> ArgumentParser:
    parser = ArgumentParser(f"sb3-entropy probe {KEY}", description=_DESCRIPTION)
    add_agent_options(parser)
    group = parser.add_argument_group("the score")
    group.add_argument(
        "--states",
        type=int,
        default=MOST_STATES,
        metavar="N",
        help=f"of those visited at most so many, evenly chosen (default: {MOST_STATES})",
    )
    group.add_argument("--level", type=float, default=0.95, help="of the intervals (default: 0.95)")
    parser.add_argument(
        "-f", "--folder", type=Path, default=Path(DEFAULT_REPORTS), help=f"for pages (default: {DEFAULT_REPORTS})"
    )
    return parser
