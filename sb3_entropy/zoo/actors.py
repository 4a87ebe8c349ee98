"""What the command line has for algorithms whose actors collect in workers of their own."""

import argparse
from collections.abc import Mapping
from inspect import signature
from typing import Any

from rl_zoo3.utils import ALGOS
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.algorithms.actors.algorithm import AsynchronousAlgorithm
from sb3_entropy.engines import ENGINES
from sb3_entropy.errors import unknown
from sb3_entropy.vec_env.copies import recipe

#: by an argument of the algorithms: the option that is short for it
OPTIONS = {"n_actors": "--n-actors", "engine": "--engine", "ray_address": "--ray-address"}


def has_actors(algo: str) -> bool:
    """
    :param algo: an algorithm's key
    :return: whether its constructor asks how many actors there are, and where
    """
    return OPTIONS.keys() <= signature(ALGOS[algo]).parameters.keys()


def add_actor_options(parser: argparse.ArgumentParser) -> None:
    """
    :param parser: gets ``--n-actors``, ``--engine`` and ``--ray-address``
    """
    group = parser.add_argument_group(
        f"actors, of {' and '.join(_those_with_actors())}", "short for -params n_actors:… engine:… ray_address:…"
    )
    group.add_argument(OPTIONS["n_actors"], type=int, help="actors, each of which steps n_envs environments")
    group.add_argument(
        OPTIONS["engine"],
        type=_engine,
        metavar="{" + ",".join(ENGINES) + "}",
        help="where they are: in this process, one after the other; in processes of this machine; on a Ray cluster",
    )
    group.add_argument(
        OPTIONS["ray_address"],
        metavar="ADDRESS",
        help="with --engine ray: the cluster to join, host:port, or auto for the one that this machine is in; without "
        "it Ray is started here",
    )


def take_actor_options(parsed: argparse.Namespace) -> None:
    """
    Turn these options into hyperparameters, which are checked and written down as all others are.

    :param parsed: the command line, which is changed
    :raises ValueError: if the algorithm has no actors, or something is given twice
    """
    given = {name: vars(parsed).pop(name) for name in OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    others = parsed.hyperparams or {}
    for name in given:
        if not has_actors(parsed.algo):
            raise ValueError(
                f"{OPTIONS[name]} was given, but --algo {parsed.algo} has no actors. Leave it out, or train with "
                f"{' or '.join(_those_with_actors())}."
            )
        if name in others:
            raise ValueError(f"{OPTIONS[name]} and -params {name}:{others[name]} were given. Leave one of them out.")
    if given.get("engine", "ray") != "ray" and parsed.trained_agent:
        given.setdefault("ray_address", None)  # that of the agent that is gone on from
    if given:
        parsed.hyperparams = {**others, **given}


def check_kind(algo: str, vec_env: str) -> None:
    """
    :param algo: an algorithm's key
    :param vec_env: the kind of ``VecEnv``
    :raises ValueError: if its actors cannot copy that
    """
    if vec_env == "subproc" and has_actors(algo):
        raise ValueError(
            f"--vec-env subproc puts each environment into a process of its own, of which the actors of {algo} cannot "
            "make copies. Leave it out: --engine process puts each actor into a process of its own, with its n_envs "
            "environments."
        )


def check_copies(model: BaseAlgorithm) -> None:
    """
    :param model: any algorithm
    :raises TypeError: if it has actors, which cannot copy its environments, for whatever reason
    """
    if isinstance(model, AsynchronousAlgorithm):
        recipe(model.env)  # type: ignore[arg-type]


def end_actors(model: BaseAlgorithm) -> None:
    """
    :param model: any algorithm, whose actors are ended, if it has some
    """
    if isinstance(model, AsynchronousAlgorithm):
        model.close()


def fragments_an_update(algo: str, hyperparams: Mapping[str, Any]) -> int:
    """
    :param algo: an algorithm's key
    :param hyperparams: its hyperparameters
    :return: how many batches of ``n_envs`` environments a callback sees stepped at once
    """
    argument = signature(ALGOS[algo]).parameters.get("n_fragments")
    return 1 if argument is None else int(hyperparams.get("n_fragments", argument.default))


def _those_with_actors() -> list[str]:
    return [key for key in ALGOS if has_actors(key)]


def _engine(name: str) -> str:
    if name not in ENGINES:
        raise argparse.ArgumentTypeError(unknown("engine", name, ENGINES))
    return name
