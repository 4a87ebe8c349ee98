"""``sb3-entropy list``: what can be named, one line each; and what is earned in environments, where that is known."""

import inspect
import re
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Any

import gymnasium as gym

from sb3_entropy.environments import register_envs
from sb3_entropy.errors import check_choice
from sb3_entropy.known_returns import known_returns, summaries
from sb3_entropy.presets.library import presets_by_environment
from sb3_entropy.registry import REGISTRIES, Registry

ENVIRONMENTS = "environments"
_LISTED: dict[str, Registry[Any]] = {registry.listed[0]: registry for registry in REGISTRIES if registry.listed}
_TITLES = {
    **{registry.listed[0]: registry.listed[1] for registry in REGISTRIES if registry.listed},
    ENVIRONMENTS: "Environments (--env) with presets or from plugins; every other id of Gymnasium's works too",
}


def run_list(arguments: Sequence[str]) -> int:
    """
    :param arguments: the command line: what to list; everything if empty
    :return: 0
    """
    parser = ArgumentParser("sb3-entropy list", description="Show what can be named, one line each.")
    parser.add_argument("what", nargs="*", help=f"{', '.join(_TITLES)}; default: everything", metavar="|".join(_TITLES))
    chosen = parser.parse_args(arguments).what or list(_TITLES)
    for what in chosen:
        check_choice("kind of thing to list", what, _TITLES)
    for number, what in enumerate(chosen):
        print("\n" * bool(number) + _TITLES[what])
        rows = _environments() if what == ENVIRONMENTS else _things(_LISTED[what])
        earned = _earned() if what == ENVIRONMENTS else {}
        width = max((len(name) for name, _ in rows), default=0)
        for name, text in rows:
            print(f"  {name:<{width}}  {text}")
            for line in earned.get(name, ()):
                print(f"    {line}")
        if earned.keys() & {name for name, _ in rows}:
            print("  Returns are means: of a task's variants the least and the greatest; steps are those of training.")
        if what == ENVIRONMENTS and (absent := sorted(_absent())):
            print(f"  Not installed here, though there are presets: {', '.join(absent)}")
    return 0


def _things(registry: Registry[Any]) -> list[tuple[str, str]]:
    return [(key, _first_sentence(thing)) for key, thing in registry.items()]


def _first_sentence(thing: Any) -> str:
    """:return: the first sentence of its description, or docstring, on one line; ``et al. 2020`` ends none"""
    told = inspect.getdoc(thing) if isinstance(thing, type) else thing.description  # a measure is a value
    text = told or "No description."
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return re.split(r"(?<=\.) (?=[A-Z])", paragraph, maxsplit=1)[0]


def _environments() -> list[tuple[str, str]]:
    presets = presets_by_environment()
    plugins = {env_id: plugin for plugin, ids in register_envs().items() for env_id in ids}
    present = {env_id for env_id in presets if env_id in gym.registry}
    if "atari" in presets and find_spec("ale_py"):
        presets["ALE/…, …NoFrameskip-v4"] = presets["atari"]
        present.add("ALE/…, …NoFrameskip-v4")
    return [
        (env_id, "; ".join(_notes(presets.get(env_id), plugins.get(env_id))))
        for env_id in sorted({*present, *plugins}, key=str.lower)
    ]


def _earned() -> dict[str, list[str]]:
    """:return: what is earned in the tasks of environments, a line each"""
    found = {env_id: summaries(earned) for env_id, earned in known_returns().items()}
    width = max((len(task) for tasks in found.values() for task, _ in tasks), default=0)
    return {
        env_id: [f"{task or 'returns':<{width}}  {text}" for task, text in tasks] for env_id, tasks in found.items()
    }


def _absent() -> set[str]:
    """Ids that have presets, of plugins that are not installed; the others' names have no version at their end."""
    named = {env_id for env_id in presets_by_environment() if re.search(r"-v\d+$", env_id)}
    return named - set(gym.registry)


def _notes(algorithms: Iterable[str] | None, plugin: str | None) -> list[str]:
    presets = [f"presets for {', '.join(algorithms)}"] if algorithms else ["no presets of its own: a default stands in"]
    return [*([f"plugin {plugin}"] if plugin else []), *presets]
