"""``sb3-entropy probe misleading`` from a zip of a stock agent to a sentence and a page."""

import json
import re
from pathlib import Path

import pytest
from stable_baselines3 import SAC, TD3

from sb3_entropy.cli.main import main

SMALL = {"buffer_size": 300, "seed": 0}
FEW = ["--env", "Pendulum-v1", "--episodes", "2", "--updates", "5", "--rollout-steps", "200", "--states", "10"]


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("agents")
    made = {
        "sac": SAC("MlpPolicy", "Pendulum-v1", ent_coef=0.2, policy_kwargs={"net_arch": [8]}, **SMALL),
        "td3": TD3("MlpPolicy", "Pendulum-v1", policy_kwargs={"net_arch": [8]}, **SMALL),
    }
    for name, model in made.items():
        model.save(folder / f"{name}.zip")
    return {name: str(folder / f"{name}.zip") for name in made}


def test_from_a_zip_to_a_sentence_and_a_page(
    zips: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["probe", "misleading", zips["sac"], *FEW, "--refits", "2", "-f", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "misleading: SAC on Pendulum-v1" in said
    assert "α = 0.2 is its own, as it was set." in said
    assert "in 10 visited states of 2 episodes the actions where its soft critics (α = 0.2)" in said
    assert "Two critics of a kind do not tell how others would differ" in said
    page = tmp_path / "probe_misleading_sac" / "index.html"
    assert f"Report: {page}" in said
    html = page.read_text(encoding="utf-8")
    assert "Is entropy misleading this agent?" in html
    assert "sb3-entropy probe misleading" in html
    assert "held-out episodes" in html  # the calibration's own words
    numbers = json.loads((page.parent / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["states"] == 10
    last = said.strip().splitlines()[-2]
    assert "ntropy" in last or "excess" in last


@pytest.mark.parametrize(
    ("agent", "options", "message"),
    [
        ("td3", [], "TD3 of .*td3.zip has none: its policy has no density.*name a Gaussian σ"),
        ("sac", ["--refits", "1"], "but 1 of each kind is to be fitted. Fit three of each: --refits 3."),
        ("sac", ["--states", "0"], "--states must be a whole number ≥ 1, but 0 was given"),
        ("sac", ["--level", "2"], "--level must be a number"),
        ("sac", ["--level", "1"], "level must be below 1"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_played(
    zips: dict[str, str],
    agent: str,
    options: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sb3_entropy.cli.probe_misleading.subject_of", lambda *_: pytest.fail("it was looked at"))
    assert main(["probe", "misleading", zips[agent], "--env", "Pendulum-v1", *options]) != 0
    told = capsys.readouterr().err

    assert re.search(message, told), told
