"""Runs for these tests."""

import math
import random
from pathlib import Path
from typing import Any

from sb3_entropy.store import Evaluation, Member, RunRecord

#: what a float can be, and what storage likes to lose
AWKWARD = (0.1, -0.0, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, -3.0, 2.0**53 + 2, 1 / 3)


def make_run(i: int, status: str = "finished", writer: str = "nobody", points: int = 20, curves: int = 8) -> RunRecord:
    """The i-th run; equal i and writer, equal numbers."""
    rng = random.Random(f"{i} {writer}")
    return RunRecord(
        run_id=f"run{i:04d}",
        definition={"algorithm": "sppo", "hyperparams": {"gamma": 0.9, "layers": [64, 64]}, "seed": i},
        status=status,
        scores={"final_return": rng.gauss(0, 1), "late_spread": math.nan},
        steps=tuple(5_000 * (t + 1) for t in range(points)),
        curves={f"curve/{c}": tuple(rng.gauss(0, 1) for _ in range(points)) for c in range(curves)},
        error=None if status == "finished" else "Traceback:\n  \"α\", 'β'\nValueError: γ",
        recorded={"wall_seconds": 1.5, "host": writer},
    )


def make_member(i: int, study: str = "study") -> Member:
    """Where the i-th run belongs."""
    return Member(study, "sppo, ent_coef=0.3", "Pendulum-v1", i, f"run{i:04d}")


def make_evaluation(i: int, trials: int = 50) -> Evaluation:
    """The i-th evaluation; equal i and trials, equal numbers."""
    rng = random.Random(i)
    key = {"point": {"seed": 3, "line": i // 10}, "step": 0.1 * (i % 10), "spread": 0.5, "trials": [0, trials]}
    return Evaluation(key, {name: tuple(rng.gauss(0, 1) for _ in range(trials)) for name in ("cost", "gain")})


def edge_runs() -> list[RunRecord]:
    """Runs that are unusual but right."""
    steps = tuple(range(1, len(AWKWARD) + 1))
    common: dict[str, Any] = {"error": None, "recorded": {}}
    return [
        RunRecord("awkward", {"seed": 0, "x": math.inf}, "finished", {f"s{i}": x for i, x in enumerate(AWKWARD)}, steps,
                  {"up": AWKWARD, "down": AWKWARD[::-1]}, **common),
        RunRecord("bare", {}, "failed", {}, (), {}, "", {}),
        RunRecord("steps_only", {"seed": True}, "failed", {"seed": 1.0}, (-3, 7), {}, "a\tb\nc", {"seed": None}),
        RunRecord("other_curves", {"seed": 99}, "finished", {"arm": 2.0}, (10,), {"run": (math.nan,), "step": (1.0,)},
                  **common),
        RunRecord("odd_text", {"é": "\ud800\n", "seed": 4}, "failed", {'a,"b"': 1.0}, (1,), {"c,'d\"": (2.0,)},
                  "x" * 200_000, {"argv": ["a,b", '"', "\r\n"]}),
    ]  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
