"""The agent that the command line names: in a run's folder, or a zip."""

from argparse import Namespace
from pathlib import Path

from sb3_entropy.zoo.looking import Looker, look_at_run, look_at_zip


def looker_of(target: Path, which: str | int, parsed: Namespace) -> Looker:
    """
    :param target: a run's folder, or a zip
    :param which: of a run's agents ``"last"``, ``"best"``, or the number of steps of a checkpoint
    :param parsed: the command line's, with ``env``, ``algo``, ``statistics``, ``env_kwargs`` and ``trust``
    :return: that agent
    :raises FileNotFoundError: if there is none
    :raises ValueError: if an option is for the other kind
    :raises UntrustedError: if a file holds what could be executed, without trust
    """
    if target.is_file() or target.suffix == ".zip":
        if parsed.env is None:
            raise ValueError(f"{target} is a file, which does not say its environment. Name it by --env.")
        if which != "last":
            raise ValueError(f"--at {which} chooses among the agents of a run's folder, but {target} is one agent.")
        return look_at_zip(
            target,
            parsed.env,
            algo=parsed.algo,
            statistics=parsed.statistics,
            trust=parsed.trust,
            env_kwargs=parsed.env_kwargs,
        )
    if not target.is_dir():
        raise FileNotFoundError(
            f"There is no run {target}, nor such a file. As rl-zoo names it: <log>/<algo>/<env>_<n>."
        )
    for option in ("env", "algo", "statistics"):
        if getattr(parsed, option) is not None:
            raise ValueError(f"--{option} is for a zip; the run {target} says it itself. Leave it out.")
    return look_at_run(target, which, trust=parsed.trust, env_kwargs=parsed.env_kwargs)
