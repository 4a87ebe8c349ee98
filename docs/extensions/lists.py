"""
The lists of algorithms, made from the registry: ``make lists`` writes them, and ``tests/docs`` holds them.

Each stands between a line with ``algorithms: made by make lists`` and one with ``algorithms: end``.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sb3_entropy.algorithms.common.parents import stock_parent
from sb3_entropy.registry import ALGORITHMS

ROOT = Path(__file__).resolve().parents[2]
BEGIN, END = "algorithms: made by make lists", "algorithms: end"
NO = "–"


def ours() -> dict[str, type[BaseAlgorithm]]:
    """:return: the algorithms of this repository, by key"""
    return {key: cls for key, cls in ALGORITHMS.items() if cls.__module__.startswith("sb3_entropy.")}


def described(cls: type) -> tuple[str, str]:
    """
    :param cls: an algorithm
    :return: what it is and its source, from the first sentence of its docstring
    :raises ValueError: if that does not end with a source in parentheses
    """
    sentence = " ".join((inspect.getdoc(cls) or "").partition("\n\n")[0].split())
    match = re.fullmatch(r"(.+) \(([^()]+ \d{4}[^()]*)\)\.", sentence)
    if match is None:
        raise ValueError(
            f"The docstring of {cls.__name__} begins with {sentence!r}. Let it begin with a sentence that says what "
            "the algorithm is and ends with its source in parentheses: 'Soft PPO (Liu et al. 2020, Eqs. 38–41).'"
        )
    source = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", match[2])
    return match[1], source


def parent_of(cls: type) -> str:
    """:return: the stock algorithm that it extends, with its library where that is not Stable-Baselines3"""
    parent = stock_parent(cls)
    if parent is None:
        return NO
    return f"{parent.__name__} (sb3-contrib)" if parent.__module__.startswith("sb3_contrib.") else parent.__name__


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """:return: the lines of a table in Markdown"""
    first, *others = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return [first, f"|{'---|' * (first.count(' | ') + 1)}", *others]


def overview(pages: str) -> list[str]:
    """
    :param pages: the way to the algorithms' pages
    :return: what each is, its source and its parent
    """
    rows = [(f"[`{cls.__name__}`]({pages}{key}.md)", *described(cls), parent_of(cls)) for key, cls in ours().items()]
    return table(("algorithm", "what it is", "source", "parent"), rows)


def defaults() -> list[str]:
    """:return: where their defaults differ, and their keys"""
    rows = []
    for key, cls in ours().items():
        default = {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}
        if issubclass(cls, OffPolicyAlgorithm):
            update, whitened = f"{default['train_freq']} step, from a replay buffer", NO
        else:
            update = f"{default['n_steps']} steps" + (", or whole episodes" if "n_episodes" in default else "")
            whitened = "yes" if default["normalize_advantage"] else "no"
        rows.append(
            (f"[{cls.__name__}]({key}.md)", parent_of(cls), f"`{default['ent_coef']}`", update, whitened, f"`{key}`")
        )
    return table(("", "parent", "`ent_coef`", "an update", "advantages normalised", "key in the command line"), rows)


def exports() -> list[str]:
    """:return: what type checkers, editors and ``import *`` are to know of ``sb3_entropy/__init__.py``"""
    names = sorted((cls.__name__ for cls in ours().values()), key=lambda name: (not name.isupper(), name))
    imports = [f"    from {cls.__module__} import {cls.__name__}" for cls in ours().values()]
    listed = [f'    "{name}",' for name in (*names, "__version__", "register_envs")]
    return ["if TYPE_CHECKING:", *imports, "", "__all__ = [", *listed, "]"]


def pages() -> list[str]:
    """:return: the site's navigation"""
    return [f"      - {cls.__name__}: algorithms/{key}.md" for key, cls in ours().items()]


LISTS: dict[str, Callable[[], list[str]]] = {
    "README.md": lambda: ["", *overview("docs/algorithms/"), ""],
    "docs/index.md": lambda: ["", *overview("algorithms/"), ""],
    "docs/algorithms/index.md": lambda: ["", *defaults(), ""],
    "mkdocs.yml": pages,
    "sb3_entropy/__init__.py": exports,
}


def with_list(name: str) -> str:
    """
    :param name: a file of :data:`LISTS`
    :return: its text with the list as it is to be
    :raises ValueError: if it has no place for one
    """
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    places = [[number for number, line in enumerate(lines) if mark in line] for mark in (BEGIN, END)]
    if [len(found) for found in places] != [1, 1]:
        raise ValueError(f"{name} needs one line with {BEGIN!r} and one with {END!r}.")
    (begin,), (end,) = places
    return "\n".join([*lines[: begin + 1], *LISTS[name](), *lines[end:]]) + "\n"


if __name__ == "__main__":
    for file in LISTS:
        (ROOT / file).write_text(with_list(file), encoding="utf-8")
