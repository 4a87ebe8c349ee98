"""Where ours spends time that its parent does not."""

import cProfile
import pstats
from pathlib import Path

from benchmarks.timing.cells import Cell

#: A function: (file, line, name). Files are shortened to what follows ``site-packages``.
Function = tuple[str, int, str]


def hotspots(cell: Cell, rows: int = 15) -> str:
    """
    Profile one learn() of each and compare function by function.

    The profiler makes every call dearer, so that only the order of the rows means something, not the ratio of the sums.

    :param cell: what is compared
    :param rows: how many functions to show
    :return: a Markdown table of the functions whose own time differs most
    """
    env = cell.run(ours=True).make_env()
    ours, parent = (_own_times(cell, env, is_ours) for is_ours in (True, False))
    env.close()
    differences = {
        function: ours.get(function, (0, 0.0))[1] - parent.get(function, (0, 0.0))[1]
        for function in ours.keys() | parent.keys()
    }
    our_name, parent_name = cell.names
    lines = [
        f"{our_name} and {parent_name}, {cell.env_id}, {cell.n_envs} envs, {cell.steps} steps, under the profiler: "
        f"{sum(own for _, own in ours.values()):.2f} s and {sum(own for _, own in parent.values()):.2f} s",
        "",
        f"| function | calls, {our_name} | calls, {parent_name} | own seconds, {our_name} − {parent_name} |",
        "|---|---:|---:|---:|",
    ]
    for function in sorted(differences, key=lambda key: -abs(differences[key]))[:rows]:
        file, line, name = function
        calls = [times.get(function, (0, 0.0))[0] for times in (ours, parent)]
        lines.append(f"| `{file}:{line}` {name} | {calls[0]} | {calls[1]} | {differences[function]:+.3f} |")
    return "\n".join(lines) + "\n"


def _own_times(cell: Cell, env: object, ours: bool) -> dict[Function, tuple[int, float]]:
    run = cell.run(ours, general=True)
    run.make_model(env, seed=0).learn(run.steps)  # warm-up
    model = run.make_model(env, seed=0)
    profile = cProfile.Profile()
    profile.runcall(model.learn, run.steps)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return {(_short(file), line, name): (calls, own) for (file, line, name), (_, calls, own, _, _) in stats.items()}


def _short(file: str) -> str:
    parts = Path(file).parts
    for anchor in ("site-packages", "sb3_entropy"):
        if anchor in parts:
            after = parts.index(anchor) + (anchor == "site-packages")
            return "/".join(parts[after:])
    return Path(file).name
