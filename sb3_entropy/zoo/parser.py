"""rl-zoo's argument parsers, with our ``--vec-env``, clear messages, and hyperparameters that need no inner quotes."""

import argparse
import ast
import importlib
import re
from collections.abc import Sequence
from typing import Any

import gymnasium as gym
from gymnasium.envs.registration import find_highest_version, get_env_id, parse_env_id
from huggingface_sb3 import EnvironmentName
from rl_zoo3.utils import ALGOS, StoreDict

from sb3_entropy.errors import unknown
from sb3_entropy.registry import find_env
from sb3_entropy.zoo.batches import BATCHED, GYMNASIUM
from sb3_entropy.zoo.checkpoints import check_agent


class ZooParser(argparse.ArgumentParser):
    """
    Stands in for ``argparse.ArgumentParser`` while one of rl-zoo's commands runs.

    :param args: rl-zoo's arguments; a program name, which rl-zoo uses as a description
    :param command: the name of our subcommand
    :param kwargs: rl-zoo's arguments
    """

    def __init__(self, *args: Any, command: str, **kwargs: Any):
        super().__init__(prog=f"sb3-entropy {command}", description=args[0] if args else None, **kwargs)

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

    def parse_args(self, *args: Any, **kwargs: Any) -> Any:
        """
        :raises FileNotFoundError: if there is no agent to go on from
        :raises ValueError: if no algorithm is named, neither Gymnasium nor a plugin knows the environment, or the agent
            cannot be read
        """
        parsed = super().parse_args(*args, **kwargs)
        for package in getattr(parsed, "gym_packages", []):
            try:
                importlib.import_module(package)
            except ImportError as error:
                raise ValueError(f"--gym-packages {package}: it cannot be imported: {error}.") from error
        if getattr(parsed, "trained_agent", ""):
            check_agent(parsed.trained_agent)
        env = getattr(parsed, "env", None)
        if isinstance(env, EnvironmentName):
            parsed.env = EnvironmentName(_registered_id(env.gym_id))
        elif isinstance(env, str):
            parsed.env = _registered_id(env)
        if getattr(parsed, "algo", "") is None:
            raise ValueError(
                "Name the algorithm, e.g. --algo sppo; --algo ppo is what rl-zoo takes without it. `sb3-entropy list "
                "algorithms` shows ours."
            )
        return parsed

    def error(self, message: str) -> Any:
        """:raises ValueError: with argparse's message"""
        stop = "" if message.endswith((".", "?")) else "."
        raise ValueError(f"{message}{stop} See `{self.prog} --help`.")


class StoreSettings(argparse.Action):
    """
    ``key:value …`` as a dictionary. As rl-zoo's, which evaluates each value, but a bare word is a text:
    ``ent_coef:auto_0.1`` needs no quotes inside quotes.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        settings = {}
        for text in values or ():
            key, colon, value = text.partition(":")
            if not (key and colon and value):
                raise argparse.ArgumentError(self, f"expected key:value, but {text!r} was given")
            settings[key] = self._read(parser, key, value)
        setattr(namespace, self.dest, settings)

    def _read(self, parser: argparse.ArgumentParser, key: str, value: str) -> Any:
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError):
            pass
        if re.fullmatch(r"[\w.+-]+", value):
            return value
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


def _registered_id(env: str) -> str:
    """:return: the full id under which rl-zoo finds the environment: no module, and with a version"""
    find_env(env)
    name = env.rpartition(":")[2]
    if name in gym.registry:
        return name
    namespace, base, _ = parse_env_id(name)
    return get_env_id(namespace, base, find_highest_version(namespace, base))
