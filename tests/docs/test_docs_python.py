"""
Every Python block of the documentation runs, page by page and in order, with fewer steps than it says.

A block with a file name as its title is written to that file, and a module of ours is imported from it, before the next
block runs; a ``pyproject.toml`` makes its folder count as installed. So what the recipes say is what is tested.
"""

import importlib.util
import inspect
import subprocess
import sys
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest
import torch
import yaml
from doc_blocks import PAGES, REPOSITORY, Block, blocks, name_of
from stable_baselines3 import A2C, PPO, SAC
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sb3_entropy import environments, registry
from sb3_entropy.algorithms.off_policy.algorithm import SoftOffPolicyAlgorithm
from sb3_entropy.algorithms.on_policy.algorithm import SoftOnPolicyAlgorithm
from sb3_entropy.presets.check import check_preset

STEPS = 200
#: of algorithms that learn at each step, after the hundredth
STEPS_OFF_POLICY = 120
SMALLER = {"n_steps": 64, "n_epochs": 1, "n_critic_updates": 2}
#: where n_steps is another thing
SMALLER_OFF_POLICY = {"batch_size": 16, "buffer_size": 1000}


def with_python() -> list[Any]:
    return [pytest.param(page, id=name_of(page)) for page in PAGES if blocks(page, "python")]


def use_smaller_defaults(monkeypatch: pytest.MonkeyPatch, cls: type) -> None:
    constructor: Any = cls.__init__
    optional = [p for p in inspect.signature(constructor).parameters.values() if p.default is not p.empty]
    smaller: dict[str, int] = SMALLER_OFF_POLICY if issubclass(cls, OffPolicyAlgorithm) else SMALLER
    defaults = tuple(smaller.get(p.name, p.default) for p in optional)
    monkeypatch.setattr(constructor, "__defaults__", defaults)


def train_less(monkeypatch: pytest.MonkeyPatch, cls: type) -> None:
    learn = cls.learn  # type: ignore[attr-defined]

    def short(self: Any, total_timesteps: int, *args: Any, **kwargs: Any) -> Any:
        steps = STEPS_OFF_POLICY if isinstance(self, OffPolicyAlgorithm) else STEPS
        assert total_timesteps >= steps
        return learn(self, steps, *args, **kwargs)

    monkeypatch.setattr(cls, "learn", short)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working folder that modules are found in; what a page registers is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    modules = set(sys.modules)
    for things in registry.REGISTRIES:
        things.keys()
        monkeypatch.setattr(things, "_things", dict(things._things))
    monkeypatch.setattr(environments, "_called", set(environments._called))
    monkeypatch.setattr(
        environments, "_plugin_envs", {name: list(ids) for name, ids in environments._plugin_envs.items()}
    )
    specs = dict(gym.registry)
    for cls in (*(algorithm for _, algorithm in registry.ALGORITHMS.items()), PPO, SAC):
        use_smaller_defaults(monkeypatch, cls)
    for cls in (SoftOnPolicyAlgorithm, SoftOffPolicyAlgorithm, PPO, A2C, SAC):
        train_less(monkeypatch, cls)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path
    torch.set_num_threads(n_threads)
    gym.registry.clear()
    gym.registry.update(specs)
    for name in set(sys.modules) - modules:
        origin = getattr(sys.modules[name], "__file__", None)
        if origin and Path(origin).is_relative_to(tmp_path):
            del sys.modules[name]


def import_from(file: Path, module_name: str) -> None:
    spec = importlib.util.spec_from_file_location(module_name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)


def install(pyproject: str, folder: Path) -> None:
    """What an editable install leaves for ``importlib.metadata``: the name and the entry points."""
    project = tomllib.loads(pyproject)["project"]
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = []
    for group, things in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in things.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    importlib.invalidate_caches()


def take(block: Block, folder: Path) -> None:
    """Write a block to its file, and do with it what a reader would."""
    file = folder / block.title
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(block.text, encoding="utf-8")
    if block.title.startswith("sb3_entropy/"):
        import_from(file, block.title.removesuffix(".py").replace("/", "."))
    elif block.title == "pyproject.toml":
        install(block.text, folder)
    elif block.title.startswith("zoo_configs/"):
        algo = file.stem
        for env_id, preset in yaml.safe_load(block.text).items():
            check_preset(algo, registry.ALGORITHMS.get(algo), preset, f"{block.place}, {env_id}")


@pytest.mark.parametrize("page", with_python())
def test_the_python_blocks_of_a_page_run(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page, "python", "toml", "yaml"):
        if block.title:
            take(block, folder)
        elif block.language == "python":
            code = compile("\n" * (block.line - 1) + block.text, str(page), "exec")
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)
                warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"(?!__main__)")
                exec(code, namespace)
    for place, expected in said(page):
        assert expected in capsys_text(capsys, namespace), f"{place}: {expected!r} is not what is printed"


def said(page: Path) -> list[tuple[str, str]]:
    """:return: what the comments behind ``print`` say is printed, but for those that leave something out"""
    found = []
    for block in blocks(page, "python"):
        for line in block.text.splitlines():
            code, mark, comment = line.partition("  # ")
            if code.startswith("print(") and mark and "…" not in comment and "{" not in comment:
                found.append((block.place, comment))
    return found


def capsys_text(capsys: pytest.CaptureFixture[str], namespace: dict[str, Any]) -> str:
    """:return: all that the page has printed so far"""
    namespace["printed"] = namespace.get("printed", "") + capsys.readouterr().out
    return str(namespace["printed"])


def test_the_recipes_are_what_is_tested() -> None:
    """Otherwise a change of the fences could leave nothing to run."""
    titles = {block.title for page in PAGES for block in blocks(page, "python", "toml", "yaml")}
    assert {
        "sb3_entropy/algorithms/sklpo.py",
        "sb3_entropy/algorithms/redq.py",
        "sb3_entropy/distributions/laplace.py",
        "sb3_entropy/distributions/std_schemes/global_widened_local.py",
        "sb3_entropy/divergences/triangular.py",
        "sb3_entropy/references/softened.py",
        "sb3_entropy/studies/jobs/bandit_ascent.py",
        "zoo_configs/sklpo.yml",
        "zoo_configs/redq.yml",
        "corridor_envs/corridor.py",
        "pyproject.toml",
    } <= titles
    assert sum(len(blocks(page, "python")) for page in PAGES) >= 30


def test_recipes_pass_the_linter(tmp_path: Path) -> None:
    """Whoever begins with one has a file that `make lint` takes."""
    recipes = [block for page in PAGES for block in blocks(page, "python") if block.title.startswith("sb3_entropy/")]
    assert len(recipes) > 5
    for recipe in recipes:
        file = tmp_path / recipe.title
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(recipe.text, encoding="utf-8")
    options = ["--config", str(REPOSITORY / "pyproject.toml"), "--config", f"src=['{REPOSITORY}']", "--no-cache"]
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
