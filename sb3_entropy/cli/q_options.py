"""The options of probes of Q: which agent, where its critics come from, and how they are fitted."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from sb3_entropy.cli.lookers import looker_of
from sb3_entropy.environments import import_packages, package_of
from sb3_entropy.landscape.q.fitting import Fitting
from sb3_entropy.landscape.q.making import ROLLOUT_STEPS
from sb3_entropy.landscape.q.subject import Subject
from sb3_entropy.zoo.looking import Looker
from sb3_entropy.zoo.options import add_env_kwargs_option, add_packages_option, add_trust_option
from sb3_entropy.zoo.subjects import subject_of_looker


def add_agent_options(parser: ArgumentParser) -> None:
    """
    :param parser: gets the agent, ``parsed.agent``, and all that says how it is looked at
    """
    parser.add_argument(
        "agent",
        type=Path,
        metavar="RUN",
        help="a run's folder <log>/<algo>/<env>_<n>, of train or of rl-zoo, or the zip of a model: of SAC, TQC, "
        "CrossQ, TD3, DDPG, SDDPG, SACAdaEnt, or an on-policy algorithm over a box of actions",
    )
    parser.add_argument(
        "--at",
        default="last",
        metavar="AGENT",
        help="of a run's agents last, best, or the steps of a checkpoint (default: last)",
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
    _add_entropy(parser)
    _add_critics(parser)


def _add_entropy(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("entropy")
    group.add_argument(
        "--ent-coef",
        type=float,
        metavar="α",
        help="of the soft critics, in the environment's units of reward (default: the agent's own)",
    )
    group.add_argument(
        "--std",
        type=float,
        metavar="σ",
        help="of TD3 and DDPG: of a Gaussian about their actions, in halves of the box's width, which has an entropy",
    )


def _add_critics(parser: ArgumentParser) -> None:
    group = parser.add_argument_group(
        "critics", "They are fitted afterwards to fresh episodes, and to a replay buffer; SACAdaEnt has its own."
    )
    group.add_argument(
        "--own",
        action="store_const",
        const=True,
        help="take the agent's own critics: of SACAdaEnt, which is what happens anyway, TD3 or DDPG",
    )
    group.add_argument("--refit", dest="own", action="store_const", const=False, help="fit them, whatever it has")
    group.add_argument(
        "--replay-buffer",
        type=Path,
        metavar="FILE",
        help="what save_replay_buffer has written (default: what is beside the agent, if anything)",
    )
    group.add_argument("--fresh", action="store_true", help="leave a replay buffer beside the agent alone")
    group.add_argument(
        "--rollout-steps",
        type=int,
        metavar="N",
        help=f"steps that are played to fit on, beside what is in a replay buffer (default: {ROLLOUT_STEPS})",
    )
    group.add_argument(
        "--uniform-share",
        type=float,
        default=0.25,
        metavar="m",
        help="of the actions in them that are drawn uniformly (default: 0.25)",
    )
    group.add_argument("--episodes", type=int, default=32, help="whose states are looked at (default: 32)")
    group.add_argument(
        "--refits", type=int, default=Fitting.refits, help=f"critics of each kind (default: {Fitting.refits})"
    )
    group.add_argument(
        "--updates", type=int, default=Fitting.updates, help=f"steps of a fit (default: {Fitting.updates})"
    )
    group.add_argument("--seed", type=int, default=0, help="of episodes and fits (default: 0)")


def agent_of(parsed: Namespace) -> Looker:
    """
    :param parsed: the command line's, with what :func:`add_agent_options` has asked for
    :return: the agent, of which nothing has been fitted yet
    :raises FileNotFoundError: if there is none
    :raises UntrustedError: if its files hold what could be executed, without ``--trust``
    :raises ValueError: if an option is wrong
    """
    import_packages([*parsed.gym_packages, *(package_of(parsed.env) if parsed.env else ())])
    return looker_of(parsed.agent, int(parsed.at) if parsed.at.isdigit() else parsed.at, parsed)


def subject_of(parsed: Namespace, agent: Looker | None = None) -> Subject:
    """
    :param parsed: the command line's, with what :func:`add_agent_options` has asked for
    :param agent: what :func:`agent_of` has found, if it was asked before
    :return: the agent with its critics
    :raises FileNotFoundError: if there is no such agent, or buffer
    :raises UntrustedError: if a file holds what could be executed, without ``--trust``
    :raises ValueError: if an option is wrong, or environment, agent and buffer do not go together
    """
    return subject_of_looker(
        agent_of(parsed) if agent is None else agent,
        replay_buffer=parsed.replay_buffer,
        fresh=parsed.fresh,
        trust=parsed.trust,
        ent_coef=parsed.ent_coef,
        std=parsed.std,
        own=parsed.own,
        episodes=parsed.episodes,
        refits=parsed.refits,
        updates=parsed.updates,
        uniform_share=parsed.uniform_share,
        rollout_steps=parsed.rollout_steps,
        seed=parsed.seed,
    )
