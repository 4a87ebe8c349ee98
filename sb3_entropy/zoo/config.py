"""What ``--conf-file`` names: a YAML, or, as rl-zoo has it, Python with a dictionary ``hyperparams``."""

import runpy
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sb3_entropy.presets.library import gather_presets


def read_config(files: Sequence[Path | str], env_id: str) -> tuple[Mapping[str, dict[str, Any]], str]:
    """
    :param files: a YAML, which is never run, and others that offer entries as well; or one Python file or module
    :param env_id: the environment to be trained on
    :return: hyperparameters by environment id; and which file has those of that environment, else the first
    :raises FileNotFoundError: if there is no first file
    :raises ValueError: if it holds no presets
    """
    presets: Mapping[str, dict[str, Any]]
    first = str(files[0])
    if first.endswith((".yml", ".yaml")):
        presets, sources = gather_presets(files)
        return presets, sources.get(env_id, first)
    presets = runpy.run_path(first)["hyperparams"] if first.endswith(".py") else import_module(first).hyperparams
    return presets, first
