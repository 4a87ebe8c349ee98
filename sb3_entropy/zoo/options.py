"""Options of the command line that several commands have: which packages register environments, and settings."""

import argparse
import ast
import re
from collections.abc import Sequence
from typing import Any


def add_packages_option(parser: argparse.ArgumentParser) -> None:
    """
    :param parser: gets ``--gym-packages``, as rl-zoo's ``train`` has it
    """
    parser.add_argument(
        "--gym-packages",
        nargs="+",
        default=[],
        metavar="MODULE",
        help="modules that register environments, imported first; an id may name one too: my_package:My-v0",
    )


def add_env_kwargs_option(parser: argparse.ArgumentParser) -> None:
    """
    :param parser: gets ``--env-kwargs``, as rl-zoo's ``train`` has it
    """
    parser.add_argument(
        "--env-kwargs", nargs="+", action=Settings, metavar="KEY:VALUE", help="settings of the environment"
    )


def add_trust_option(parser: argparse.ArgumentParser, default: bool = True) -> None:
    """
    :param parser: gets ``--trust`` and ``--no-trust``, of an agent that is read
    :param default: which of them it is without either
    """
    parser.add_argument(
        "--trust",
        action=argparse.BooleanOptionalAction,
        default=default,
        help="whether code in the files of a saved agent may run; --no-trust for an agent of somebody else"
        + ("" if default else " (default: --no-trust)"),
    )


class Settings(argparse.Action):
    """``key:value …`` as a dictionary. A value is a Python literal, or else, if it is a bare word, a text."""

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
        return value if re.fullmatch(r"[\w.+-]+", value) else self._evaluate(parser, key, value)

    def _evaluate(self, parser: argparse.ArgumentParser, key: str, value: str) -> Any:
        raise argparse.ArgumentError(
            self, f"{value!r}, given for {key}, is neither a number, a word nor a literal of Python such as [1, 2]"
        )
