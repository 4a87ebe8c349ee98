"""
How a run was made: ``args.yml`` and ``config.yml``, as rl-zoo writes them beside an agent.

rl-zoo reads them with a loader that makes any Python object and evaluates texts. Without trust they are data: of tags
those that rl-zoo writes are known, no text is evaluated, and what they would have imported is looked at first.
"""

import ast
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import gymnasium as gym
import yaml
from gymnasium.wrappers import RecordVideo
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecCheckNan, VecExtractDictObs, VecFrameStack, VecTransposeImage

from sb3_entropy.environments import import_packages, is_known
from sb3_entropy.presets.names import import_class
from sb3_entropy.unpickling.unpickler import UntrustedError

_PYTHON = "tag:yaml.org,2002:python/"
#: where wrappers of environments are that do no more than that
_WRAPPERS = ("gymnasium.wrappers", "rl_zoo3.wrappers", "sb3_contrib.common.wrappers", "stable_baselines3.common")
_WRITERS = (Monitor, RecordVideo)
_VEC_WRAPPERS = (VecCheckNan, VecExtractDictObs, VecFrameStack, VecTransposeImage)


class RunLoader(yaml.SafeLoader):
    """YAML's safe loader, which knows the two tags that rl-zoo writes for plain values."""

    def construct_ordered(self, node: yaml.Node) -> OrderedDict[Any, Any]:
        """:return: ``!!python/object/apply:collections.OrderedDict``"""
        pairs = self.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else None
        if pairs is None or len(pairs) > 1:
            self.refuse(node)
        return OrderedDict(*pairs)

    def construct_plain_tuple(self, node: yaml.SequenceNode) -> tuple[Any, ...]:
        """:return: ``!!python/tuple``"""
        return tuple(self.construct_sequence(node, deep=True))

    def refuse(self, node: yaml.Node) -> NoReturn:
        """:raises UntrustedError: since the tag would make what this does not know"""
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        raise UntrustedError(f"Line {node.start_mark.line + 1} of {self.name}", f"has the tag {tag}")


RunLoader.add_constructor(f"{_PYTHON}object/apply:collections.OrderedDict", RunLoader.construct_ordered)
RunLoader.add_constructor(f"{_PYTHON}tuple", RunLoader.construct_plain_tuple)
RunLoader.add_constructor(None, RunLoader.refuse)


def read_yaml(file: Path, trust: bool = False) -> dict[str, Any]:
    """
    :param file: one of a run's YAMLs
    :param trust: whether it may make any Python object
    :return: what it holds
    :raises UntrustedError: if it would make one without trust
    :raises ValueError: if it is no mapping
    """
    with file.open(encoding="utf-8") as stream:
        try:
            values = yaml.load(stream, Loader=yaml.UnsafeLoader if trust else RunLoader)
        except (yaml.YAMLError, UnicodeDecodeError, TypeError) as error:
            raise ValueError(f"{file} is no YAML that can be read: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{file} must hold a mapping, but it holds {values!r}.")
    return values


def read_arguments(settings: Path, trust: bool = False) -> dict[str, Any]:
    """
    :param settings: the folder beside an agent that is called as its environment
    :param trust: whether it may make any Python object
    :return: the command line with which it was trained
    :raises UntrustedError: if it would make one without trust, or has an environment of a package that is not known
    """
    file = settings / "args.yml"
    arguments = read_yaml(file, trust)
    env_id = arguments.get("env")
    if not isinstance(env_id, str):
        raise ValueError(f"{file} names no environment.")
    if not trust:
        _check_packages(file, [module] if (module := env_id.rpartition(":")[0]) else [])
    return arguments


def read_hyperparams(settings: Path, trust: bool = False) -> dict[str, Any]:
    """
    :param settings: as for :func:`read_arguments`
    :param trust: whether it may make any Python object, and name any wrapper
    :return: the hyperparameters, as they were written; wrappers that were looked at as classes
    :raises UntrustedError: if it would make an object without trust, or names a wrapper that is not known
    """
    file = settings / "config.yml"
    hyperparams = read_yaml(file, trust) if file.is_file() else {}
    hyperparams.setdefault("normalize", not file.is_file() and (settings / "obs_rms.pkl").is_file())
    if not trust:
        for key in ("env_wrapper", "vec_env_wrapper"):
            if hyperparams.get(key) is not None:
                hyperparams[key] = _known_wrappers(file, key, hyperparams[key])
        if isinstance(hyperparams.get("env_kwargs"), str):
            hyperparams["env_kwargs"] = _literal(file, "env_kwargs", hyperparams["env_kwargs"])
    return hyperparams


def import_recorded(settings: Path, arguments: Mapping[str, Any], trust: bool = False) -> None:
    """
    Import what a run's environment needs.

    :param settings: as for :func:`read_arguments`
    :param arguments: what that has read
    :param trust: whether any module may be imported
    :raises UntrustedError: if there is one that is not known (:func:`is_known`), without trust
    """
    packages = arguments.get("gym_packages") or ()
    if trust:
        import_packages(packages)
    else:
        _check_packages(settings / "args.yml", packages)


def _check_packages(file: Path, packages: Iterable[Any]) -> None:
    for package in packages:
        if not isinstance(package, str) or not is_known(package):
            raise UntrustedError(
                str(file),
                f"asks for the package {package!r}, which you have not named (--gym-packages {package}, in Python "
                "import_packages) and whose environments are not registered",
            )


def _known_wrappers(file: Path, key: str, given: Any) -> list[dict[type, Any]]:
    wrappers = []
    for entry in given if isinstance(given, list) else [given]:
        path, settings = next(iter(entry.items())) if isinstance(entry, Mapping) and len(entry) == 1 else (entry, {})
        wrapper = _known_wrapper(key, path) if isinstance(path, str) and isinstance(settings, Mapping) else None
        if wrapper is None:
            raise UntrustedError(str(file), f"has the {key} {entry!r}, which is not among those that are known")
        wrappers.append({wrapper: dict(settings)})
    return wrappers


def _known_wrapper(key: str, path: str) -> type | None:
    module = path.rpartition(".")[0]
    known = any(module == root or module.startswith(f"{root}.") for root in _WRAPPERS)
    if not known and not is_known(module):
        return None
    wrapper = import_class(key, path)
    if key == "vec_env_wrapper":
        return wrapper if wrapper in _VEC_WRAPPERS else None
    return (
        wrapper if isinstance(wrapper, type) and issubclass(wrapper, gym.Wrapper) and wrapper not in _WRITERS else None
    )


def _literal(file: Path, key: str, text: str) -> dict[str, Any]:
    """:return: what a literal, or ``dict(a=1)`` of literals, means; rl-zoo evaluates any text"""
    try:
        call = ast.parse(text, mode="eval").body
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "dict" and not call.args:
            return {str(each.arg): ast.literal_eval(each.value) for each in call.keywords if each.arg}
        found = ast.literal_eval(call)
    except (ValueError, SyntaxError):
        found = None
    if not isinstance(found, dict):
        raise UntrustedError(str(file), f"has a text to be evaluated for {key}, {text!r}")
    return found
