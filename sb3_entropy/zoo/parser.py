"""rl-zoo's argument parsers, with our ``--vec-env``, clear messages, and hyperparameters that need no inner quotes."""

import argparse
from typing import Any

from rl_zoo3.utils import ALGOS, StoreDict

from sb3_entropy.environments import import_packages, package_of, registered_id
from sb3_entropy.errors import unknown
from sb3_entropy.zoo.actors import add_actor_options, take_actor_options
from sb3_entropy.zoo.agents import packages_of_runs
from sb3_entropy.zoo.batches import BATCHED, GYMNASIUM
from sb3_entropy.zoo.checkpoints import check_agent
from sb3_entropy.zoo.options import Settings, add_trust_option
from sb3_entropy.zoo.settings import import_recorded


class ZooParser(argparse.ArgumentParser):
    """
    Stands in for ``argparse.ArgumentParser`` while one of rl-zoo's commands runs.

    :param args: rl-zoo's arguments; a program name, which rl-zoo uses as a description
    :param command: the name of our subcommand
    :param given: where to put what is parsed
    :param kwargs: rl-zoo's arguments
    """

    def __init__(self, *args: Any, command: str, given: argparse.Namespace, **kwargs: Any):
        self._command, self._given = command, given
        super().__init__(prog=f"sb3-entropy {command}", description=args[0] if args else None, **kwargs)
        if command in ("train", "enjoy"):
            add_trust_option(self)
        if command == "train":
            add_actor_options(self)

    def add_argument(self, *names: Any, **kwargs: Any) -> argparse.Action:
        if "--vec-env" in names:
            del kwargs["choices"]
            kwargs.update(type=_vec_env, metavar="{" + ",".join((*GYMNASIUM, *BATCHED)) + "}")
        elif "--algo" in names and "choices" in kwargs:
            kwargs.update(type=_algorithm, metavar="{" + ",".join(kwargs.pop("choices")) + "}")
            kwargs.update(default=None, help="the algorithm, which is to be named; rl-zoo takes ppo if it is not")
        elif "--folder" in names:
            kwargs.update(default="logs", help="Log folder (default: logs, where train writes)")
        if kwargs.get("action") is StoreDict:
            kwargs["action"] = StoreSettings
        return super().add_argument(*names, **kwargs)

    def parse_args(self) -> Any:  # type: ignore[override]
        """
        :raises FileNotFoundError: if there is no agent to go on from
        :raises ValueError: if no algorithm is named, neither Gymnasium nor a plugin knows the environment, the agent
            cannot be read, or the algorithm has no actors and something is said of them
        """
        parsed = super().parse_args(namespace=self._given)
        if getattr(parsed, "trained_agent", ""):
            check_agent(parsed.trained_agent)
        if getattr(parsed, "algo", "") is None:
            raise ValueError(
                "Name the algorithm, e.g. --algo sppo; --algo ppo is what rl-zoo takes without it. `sb3-entropy list "
                "algorithms` shows ours."
            )
        if self._command == "train":
            take_actor_options(parsed)
        if hasattr(parsed, "gym_packages"):
            env_id = getattr(parsed.env, "gym_id", parsed.env)
            import_packages(parsed.gym_packages)
            if self._command == "enjoy":
                self._import_recorded(parsed, env_id)
            parsed.env = type(parsed.env)(registered_id(env_id))
            # What the id names is written down too, so that the run can be watched by its id alone.
            parsed.gym_packages = list(dict.fromkeys([*parsed.gym_packages, *package_of(env_id)]))
        return parsed

    def _import_recorded(self, parsed: argparse.Namespace, env_id: str) -> None:
        for settings, packages in packages_of_runs(parsed.folder, parsed.algo, env_id, parsed.trust).items():
            import_recorded(settings, {"gym_packages": packages}, parsed.trust)

    def error(self, message: str) -> Any:
        """:raises ValueError: with argparse's message"""
        stop = "" if message.endswith((".", "?")) else "."
        raise ValueError(f"{message}{stop} See `{self.prog} --help`.")


class StoreSettings(Settings):
    """What is no literal and no word is evaluated, as rl-zoo evaluates everything; ``ent_coef:auto_0.1`` is a word."""

    def _evaluate(self, parser: argparse.ArgumentParser, key: str, value: str) -> Any:
        rl_zoo_reads = StoreDict(self.option_strings, self.dest, nargs="+")
        holder = argparse.Namespace()
        try:
            rl_zoo_reads(parser, holder, [f"{key}:{value}"])
        except Exception as error:
            raise argparse.ArgumentError(
                self, f"{value!r}, given for {key}, is not a Python expression: {type(error).__name__}: {error}"
            ) from error
        return getattr(holder, self.dest)[key]


def _algorithm(key: str) -> str:
    if key not in ALGOS:
        raise argparse.ArgumentTypeError(unknown("algorithm", key, ALGOS))
    return key


def _vec_env(kind: str) -> str:
    if kind not in (*GYMNASIUM, *BATCHED):
        raise argparse.ArgumentTypeError(unknown("kind of VecEnv", kind, (*GYMNASIUM, *BATCHED)))
    return kind
