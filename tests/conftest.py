"""
A tiny preset file, the command line in-process, packages that are installed for one test, and what would write a file
if it were read as Python reads it.
"""

import gc
import importlib
import os
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

PRESET = {
    "n_envs": 2,
    "n_timesteps": 128,
    "policy": "MlpPolicy",
    "n_steps": 32,
    "batch_size": 32,
    "n_epochs": 1,
    "normalize": {"norm_obs": True, "norm_reward": True},
    "learning_rate": "lin_0.001",
    "ent_coef": "auto_0.05",
    "policy_kwargs": {"activation_fn": "relu", "net_arch": {"pi": [8], "vf": [8]}},
}

# Long tests on lines that others run too: what follows Python line by line costs two fifths more there.
UNMEASURED = (
    "tests/contracts/",
    "tests/oracles/",
    "tests/docs/",
    "tests/plugins/",
    "tests/cli/test_kill.py",
    "tests/cli/test_own_environments.py::test_it_is_trained",
    "tests/cli/test_study.py::test_compare_trains",
    "tests/cli/test_study.py::test_every_packaged_study",
    "tests/cli/test_study.py::test_run_report_export",
    "tests/cli/test_study.py::test_the_exported_results",
    "tests/offline/test_off_policy_coverage.py",
    "tests/plots/study/test_figures.py::TestLearningCurves::test_what_is_left_out",
    "tests/plots/study/test_figures.py::test_every_figure",
    "tests/plots/test_training_curves.py",
    "tests/reports/study/test_page.py::test_two_reports",
    "tests/statistics/test_coverage_table.py",
    "tests/statistics/test_rliable.py",
    "tests/studies/test_jobs.py::test_a_probe_is_given",
    "tests/studies/test_jobs.py::test_a_run_whose_input",
    "tests/studies/test_jobs.py::test_a_thousand_seeds",
    "tests/studies/test_jobs.py::test_finished_trainings",
    "tests/studies/test_jobs.py::test_thousands_of_runs",
    "tests/studies/test_odd_environments.py",
    "tests/studies/test_published.py",
    "tests/studies/test_runner.py",
    "tests/studies/test_stock_arms.py",
    "tests/studies/test_verdict.py",
    "tests/unpickling/test_model_zip.py::test_every_",
    "tests/zoo/test_actors.py::test_it_trains",
    "tests/zoo/test_loading.py::test_a_run_of_ours",
    "tests/zoo/test_loading.py::test_no_trust",
    "tests/zoo/test_loading.py::test_ones_own_agents",
    "tests/zoo/test_runs.py::test_other_kinds",
    "tests/zoo/test_runs.py::test_search_uses",
    "tests/zoo/test_runs.py::test_train_then",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Coverage is measured by the other tests: what it says is less than what is tested, never more."""
    for item in items:
        if item.nodeid.startswith(UNMEASURED):
            item.add_marker("no_cover")


def pytest_sessionstart() -> None:
    """Nothing that collecting makes is garbage: looking for it would cost a fifth of the suite."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What there is now stays, and the garbage of small models is small."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)
    if torch := sys.modules.get("torch"):
        for device in (torch.cuda, torch.xpu, torch.mtia):
            if not device.is_available():
                # It would keep every seed for later, with the whole stack of who gave it.
                device.manual_seed_all = lambda seed: None


@pytest.fixture(autouse=True)
def checks_of_distributions():
    """PyTorch's compiler switches them off for the whole process when it is imported."""
    yield
    if "torch.distributions" in sys.modules:
        sys.modules["torch.distributions"].Distribution.set_default_validate_args(True)


@pytest.fixture
def preset():
    """SPPO on Pendulum, in a second."""
    return PRESET


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A working folder with that preset in ``tiny.yml``."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yml").write_text(yaml.safe_dump({"Pendulum-v1": PRESET}))
    return tmp_path


@pytest.fixture
def train():
    """The command line that trains on it."""
    return [
        "train",
        "--algo",
        "sppo",
        "--env",
        "Pendulum-v1",
        "--conf-file",
        "tiny.yml",
        "--seed",
        "0",
        "--device",
        "cpu",
    ]


class Writes:
    """Its pickle, and its YAML, write a file as they are read."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


@pytest.fixture
def trap(tmp_path):
    """What writes ``trap.file`` when it is read; a test that lets it removes the file again."""
    written = Writes(tmp_path / "written")
    yield written
    assert not written.file.exists()


@pytest.fixture
def few_of_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a few images in place of CIFAR-10's 25 000, which take five seconds to unpack."""
    rng, labels = np.random.default_rng(0), np.arange(40) % 10
    images = {f"x_{part}": rng.integers(256, size=(40, 32, 32, 3), dtype=np.uint8) for part in ("train", "test")}
    (tmp_path / "cifar10").mkdir()
    np.savez(tmp_path / "cifar10" / "few.npz", **images, y_train=labels, y_test=labels)
    monkeypatch.setattr("sb3_entropy_bandits.data.cifar10_npz._check_known", lambda path: None)
    monkeypatch.setenv("SB3_ENTROPY_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts files on the path, and entry points beside the real ones, those of a distribution ``third 1.2``."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(files: dict[str, str], entry_points: str = "") -> None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(textwrap.dedent(text))
        info = tmp_path / "third-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: third\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
        importlib.invalidate_caches()

    return write
