"""The packaged YAMLs: found, and each of their entries valid."""

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import sb3_entropy
from sb3_entropy.presets import library as presets_module
from sb3_entropy.presets.check import check_preset
from sb3_entropy.presets.library import (
    choose_preset,
    gather_presets,
    preset_file,
    preset_files,
    presets_by_environment,
    read_presets,
)
from sb3_entropy.registry import ALGORITHMS

REQUIRED = {
    "CartPole-v1",
    "Acrobot-v1",
    "Pendulum-v1",
    "MountainCarContinuous-v0",
    "Hopper-v5",
    "Walker2d-v5",
    "HalfCheetah-v5",
    "atari",
    "default",
    "default_box",
    "default_image",
}
OURS = ["spg", "sa2c", "sppo", "strpo", "divergence_reg_pg"]


@pytest.mark.parametrize("algo", OURS)
def test_every_packaged_entry_is_valid(algo):
    file = preset_file(algo)
    presets = read_presets(file)
    assert presets.keys() >= REQUIRED
    for env_id, preset in presets.items():
        check_preset(algo, ALGORITHMS.get(algo), preset, f"{file}, {env_id}")


def test_the_sources_quadrotor_is_trained_as_ppo_is_there():
    file = preset_file("sppo")
    (preset,) = read_presets(file.parent / "paper" / "sppo.yml").values()
    check_preset("sppo", ALGORITHMS.get("sppo"), preset, "paper")
    vehicle = read_presets(file)["entropy/PaperVehicle-v0"]
    assert preset == {**vehicle, "env_kwargs": {"model": "paper"}}
    assert (vehicle["n_timesteps"], vehicle["ent_coef"], vehicle["policy_kwargs"]["log_std_init"]) == (2e6, 0.0, -1)


def test_the_files_are_found_beside_the_package():
    root = Path(sb3_entropy.__file__).parent
    assert preset_file("sppo") in {root / "zoo_configs" / "sppo.yml", root.parent / "zoo_configs" / "sppo.yml"}


def test_an_algorithm_without_presets_and_an_unknown_one_are_told_apart(monkeypatch):
    class Foreign:
        __module__ = "yaml"

    monkeypatch.setitem(ALGORITHMS._things, "foreign", Foreign)
    with pytest.raises(FileNotFoundError, match=r"There are no presets for foreign.*--conf-file"):
        preset_file("foreign")
    assert all("foreign" not in algorithms for algorithms in presets_by_environment().values())
    with pytest.raises(ValueError, match="Did you mean 'sppo'"):
        preset_file("spppo")


def test_presets_of_other_packages(tmp_path, monkeypatch):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    for folder, text in (
        (first, "Pendulum-v1: {gamma: 0.1}\nown/Env-v0: {gamma: 0.2}"),
        (second, "own/Env-v0: {gamma: 0.3}\ndefault: {gamma: 0.4}"),
        (third, "not: [yaml"),
    ):
        folder.mkdir()
        (folder / "sppo.yml").write_text(text)
    monkeypatch.setattr(presets_module, "_offered_folders", lambda: [first, second, third])
    assert preset_files("sppo") == [preset_file("sppo"), *(folder / "sppo.yml" for folder in (first, second, third))]
    with pytest.warns(UserWarning, match=r"(?s)is not valid YAML.*It is left out"):
        presets, sources = gather_presets(preset_files("sppo"))
    ours = read_presets(preset_file("sppo"))
    assert presets == {**ours, "own/Env-v0": {"gamma": 0.2}}
    assert sources["own/Env-v0"] == str(first / "sppo.yml")
    assert sources["Pendulum-v1"] == str(preset_file("sppo"))
    with pytest.warns(UserWarning, match="is not valid YAML"):
        assert presets_by_environment()["own/Env-v0"] == ["sppo"]


def test_a_plugin_whose_presets_are_gone_is_named(monkeypatch):
    broken = EntryPoint("broken", "no_such_package.presets", presets_module.GROUP)
    monkeypatch.setattr(presets_module, "entry_points", lambda group: [broken])
    with pytest.warns(UserWarning, match=r"presets of the plugin 'broken' are left out.*no_such_package\.presets"):
        assert preset_files("sppo") == [preset_file("sppo")]


def test_presets_by_environment_name_their_algorithms():
    assert set(presets_by_environment()["Pendulum-v1"]) >= set(OURS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\nb: 2", "is not valid YAML"),
        ("- 1\n- 2", "must map environment ids to hyperparameters"),
        ("Pendulum-v1: 3", "must map 'Pendulum-v1' to a mapping of hyperparameters, but has 3"),
        ("", "must map environment ids"),
    ],
)
def test_files_that_are_no_presets_are_refused(tmp_path, text, message):
    file = tmp_path / "presets.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_presets(file)


def test_a_binary_and_a_missing_file_are_refused(tmp_path):
    file = tmp_path / "presets.yml"
    file.write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ValueError, match="is not valid YAML"):
        read_presets(file)
    with pytest.raises(FileNotFoundError, match="--conf-file"):
        read_presets(tmp_path / "none.yml")


def test_the_entry_is_chosen_as_rl_zoo_does():
    presets = {"A-v0": {"x": 1}, "atari": {"x": 2}, "default": {"x": 3}}
    assert choose_preset(presets, "A-v0", True, "f") == ("A-v0", {"x": 1})
    assert choose_preset(presets, "B-v0", True, "f") == ("atari", {"x": 2})
    assert choose_preset(presets, "B-v0", False, "f") == ("default", {"x": 3})
    del presets["default"]
    with pytest.raises(ValueError, match=r"Available: A-v0, atari.* Did you mean 'A-v0'.* named 'default'"):
        choose_preset(presets, "A-v1", False, "f")
