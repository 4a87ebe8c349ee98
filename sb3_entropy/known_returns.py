"""
What is earned in the environments of plugins, without learning and with it: a table that a plugin may bring.

It is ``returns.csv`` in the package that the plugin's entry point names, ``my_package/returns.csv`` for
``my_package:register`` and for ``my_package.envs:register``, with a line for what one agent earns in one task::

    environment,settings,kind,agent,return,lowest,highest,episodes,seeds,steps,made_by
    my/Maze-v0,size=5,random,random,0.1,,,20,0–19,,python -m my_package.walked
    my/Maze-v0,size=5,trained,SPPO,0.9,0.8,1,10,0–4,20000,sb3-entropy study run maze

``sb3-entropy list`` shows it. Nothing of a plugin is imported for that.
"""

import csv
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from sb3_entropy.environments import ENV_GROUP
from sb3_entropy.errors import check_choice, check_number

FILE = "returns.csv"
COLUMNS = (
    *("environment", "settings", "kind", "agent", "return", "lowest", "highest"),
    *("episodes", "seeds", "steps", "made_by"),
)
#: uniform actions; a controller or what is best, which knows the task; and what was learned
KINDS = ("random", "baseline", "trained")


@dataclass(frozen=True)
class Earned:
    """
    What an agent earns in an episode of a task, on average.

    :param environment: an id
    :param settings: of the environment, ``name=value`` with spaces between, what names the task first; empty for those
        with which it is registered
    :param kind: one of :data:`KINDS`
    :param agent: whose it is: ``"random"``, a controller's class, ``"best"``, an arm of a study
    :param mean: E Σ r without a discount, over episodes, and then over agents if several were trained
    :param lowest: the least mean of an agent, if several were trained
    :param highest: the greatest
    :param episodes: how many, of each agent
    :param seeds: of the episodes, or of the trained agents
    :param steps: for how many an agent was trained
    :param made_by: the command, or expression, that found it
    :raises TypeError, ValueError: if one of these is none
    """

    environment: str
    settings: str
    kind: str
    agent: str
    mean: float
    lowest: float | None
    highest: float | None
    episodes: int
    seeds: str
    steps: int | None
    made_by: str

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        for name in ("environment", "agent", "seeds", "made_by"):
            if not getattr(self, name):
                raise ValueError(f"{name} is empty. Say it.")
        check_number("episodes", self.episodes, 1, integer=True)
        check_number("return", self.mean)
        if self.lowest is not None or self.highest is not None:
            check_number("lowest", self.lowest, -math.inf, self.mean)
            check_number("highest", self.highest, self.mean)
        if self.kind == "trained":
            check_number("steps", self.steps, 1, integer=True)
        elif self.steps is not None:
            raise ValueError(f"steps are those of a training, but kind is {self.kind!r}. Leave them out.")

    @property
    def task(self) -> str:
        """The first of the settings; the others are variants of it."""
        return self.settings.partition(" ")[0]


def known_returns() -> dict[str, list[Earned]]:
    """
    What the installed plugins say; a table that cannot be read is left out with a warning.

    :return: what is earned, by environment, in the tables' order
    """
    found: dict[str, list[Earned]] = {}
    points = sorted(entry_points(group=ENV_GROUP), key=lambda each: each.name)
    files = [folder / FILE for point in points for folder in _folders(point)]
    for file in dict.fromkeys(filter(Path.is_file, files)):
        try:
            for earned in read_returns(file):
                found.setdefault(earned.environment, []).append(earned)
        except (OSError, ValueError) as error:
            warnings.warn(f"{str(error).rstrip('.')}. It is left out.", stacklevel=2)
    return found


def _folders(entry_point: EntryPoint) -> list[Path]:
    """The package's, whose module it is; none if it cannot be found, which is told where it is to be registered."""
    try:
        spec = find_spec(entry_point.module)
    except Exception:  # Python imports the packages above it, which may do anything
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations:
        return list(map(Path, spec.submodule_search_locations))
    # A module that is in no package shares its folder with others.
    return [Path(str(spec.origin)).parent] if spec.parent and spec.has_location else []


def read_returns(file: Path) -> list[Earned]:
    """
    :param file: a table
    :return: its lines
    :raises ValueError: if it is not UTF-8, has other columns, or a line makes no sense or says again what another says
    """
    try:
        with file.open(newline="", encoding="utf-8") as opened:
            table = csv.DictReader(opened, strict=True)
            if tuple(table.fieldnames or ()) != COLUMNS:
                given = ",".join(table.fieldnames or ())
                raise ValueError(f"{file} must have the columns {','.join(COLUMNS)}, but its first line is {given!r}.")
            lines = [(table.line_num, row) for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} is not a table of comma-separated values in UTF-8: {error}.") from error
    found: dict[tuple[str, ...], Earned] = {}
    for number, row in lines:
        try:
            earned = _line(row)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file}, line {number}: {error}") from error
        key = (earned.environment, earned.settings, earned.agent)
        if key in found:
            raise ValueError(f"{file}, line {number}: {', '.join(key)} stands twice. Take one of them out.")
        found[key] = earned
    return list(found.values())


def _line(row: dict[str, str]) -> Earned:
    if None in row or None in row.values():
        raise ValueError(f"There must be {len(COLUMNS)} values. Put one that holds a comma in quotes.")
    words = {name: row[name].strip() for name in COLUMNS}
    return Earned(
        environment=words["environment"],
        settings=" ".join(words["settings"].split()),
        kind=words["kind"],
        agent=words["agent"],
        mean=float(words["return"]),
        lowest=float(words["lowest"]) if words["lowest"] else None,
        highest=float(words["highest"]) if words["highest"] else None,
        episodes=int(words["episodes"]),
        seeds=words["seeds"],
        steps=int(words["steps"]) if words["steps"] else None,
        made_by=words["made_by"],
    )


def summaries(found: Sequence[Earned]) -> list[tuple[str, str]]:
    """
    :param found: what is earned in one environment
    :return: a task, and in one line what chance, each baseline and the best of the trained agents earn in it: from the
        least of its variants to the greatest
    """
    tasks: dict[str, list[Earned]] = {}
    for earned in found:
        tasks.setdefault(earned.task, []).append(earned)
    return [(task, ", ".join(map(_range, _chosen(all_of_it)))) for task, all_of_it in tasks.items()]


def _chosen(found: Sequence[Earned]) -> list[list[Earned]]:
    """Of each agent what it earns in the variants of a task, in the order of the kinds; of trained ones the best."""
    agents: dict[tuple[str, str], list[Earned]] = {}
    for earned in sorted(found, key=lambda each: KINDS.index(each.kind)):
        agents.setdefault((earned.kind, earned.agent), []).append(earned)
    trained = [key for key in agents if key[0] == "trained"]
    best = max(trained, key=lambda key: max(earned.mean for earned in agents[key]), default=None)
    return [of_it for key, of_it in agents.items() if key[0] != "trained" or key == best]


def _range(found: Sequence[Earned]) -> str:
    """:return: ``PPO 219.7 to 245.8 (100k steps)``; what follows a comma in the agent's name is left to the docs"""
    means = [earned.mean for earned in found]
    ends = dict.fromkeys(f"{end:.6g}" for end in (min(means), max(means)))
    steps = dict.fromkeys(_thousands(earned.steps) for earned in found if earned.steps is not None)
    trained = f" ({' or '.join(steps)} steps)" if steps else ""
    return f"{found[0].agent.partition(',')[0]} {' to '.join(ends)}{trained}"


def _thousands(steps: int) -> str:
    if steps >= 1_000_000:
        return f"{steps / 1e6:.3g}M"
    return f"{steps / 1000:.3g}k" if steps >= 1000 else str(steps)
