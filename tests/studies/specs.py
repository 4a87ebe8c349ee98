"""Small studies for the tests."""

from pathlib import Path
from typing import Any

import yaml

from sb3_entropy.studies.spec import Study, parse_study

TINY: dict[str, Any] = {
    "claim": "SPPO ends higher than PPO.",
    "source": "a test",
    "environments": {"CartPole-v1": {"score_range": [0, 500]}},
    "timesteps": 64,
    "seeds": 3,
    "evaluation": {"points": 2, "episodes": 1},
    "hyperparams": {"n_steps": 32, "batch_size": 32, "n_epochs": 1, "policy_kwargs": {"net_arch": [8]}},
    "arms": {
        "PPO": {"algo": "ppo"},
        "SPPO": {"algo": "sppo", "sweep": {"ent_coef": [0.01, 0.1]}},
    },
    "measures": ["final_return", "entropy"],
    "decision": [{"measure": "final_return", "treatment": "SPPO", "control": "PPO", "expect": "greater"}],
}


def text(**changes: Any) -> str:
    """:return: the YAML of the tiny study with some keys changed; a key changed to None is left out"""
    values = {**TINY, **changes}
    return yaml.safe_dump({key: value for key, value in values.items() if value is not None}, sort_keys=False)


def study(name: str = "tiny", **changes: Any) -> Study:
    return parse_study(name, text(**changes), f"{name}.yml")


def write(folder: Path, name: str = "tiny", **changes: Any) -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text(**changes))
    return path
