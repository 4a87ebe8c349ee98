"""``sb3-entropy frames``: pictures of an agent, and what it says when there is none."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sb3_entropy.cli.frames import contact_sheet, number_and_time
from sb3_entropy.cli.main import main
from sb3_entropy.zoo.agents import Agent


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs")
    train = ["train", "--algo", "sppo", "--env", "CartPole-v1", "-n", "64", "--eval-freq", "-1", "--seed", "0"]
    for _ in range(2):
        assert main([*train, "-f", str(folder), "--verbose", "0"]) == 0
    return folder


def test_frames_of_the_latest_run(logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["frames", "--algo", "sppo", "--env", "CartPole-v1", "-f", str(logs), "-o", str(tmp_path / "out")]
    assert main([*command, "-n", "40", "--n-frames", "6"]) == 0
    assert "CartPole-v1_2" in capsys.readouterr().out
    files = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert files == [f"frame_{step:06d}.png" for step in (0, 7, 15, 23, 31, 39)] + ["sheet.png"]
    first, last = (np.asarray(Image.open(tmp_path / "out" / name)) for name in (files[0], files[5]))
    assert first.shape == last.shape == (400, 600, 3)
    assert (first != last).any()
    assert np.asarray(Image.open(tmp_path / "out" / "sheet.png")).shape == (804, 2412, 3)


def test_runs_with_unique_names_are_ordered_by_number_and_time(tmp_path: Path) -> None:
    agents = []
    for time, run in enumerate(["A-v1_2_0b3c-9a17", "A-v1_10_ff00-1234", "A-v1_9", "A-v1_10_00ff-4321", "A-v1"]):
        file = tmp_path / f"{run}.zip"
        file.touch()
        os.utime(file, (time, time))
        agents.append(Agent("sppo", "A-v1", run, file, tmp_path))
    ordered = [agent.run for agent in sorted(agents, key=number_and_time)]
    assert ordered == ["A-v1", "A-v1_2_0b3c-9a17", "A-v1_9", "A-v1_10_ff00-1234", "A-v1_10_00ff-4321"]


def test_no_such_agent(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frames", "--algo", "sppo", "--env", "CartPole-v0", "-f", str(logs)]) == 2
    message = capsys.readouterr().err
    assert "Unknown agent 'sppo on CartPole-v0'" in message
    assert "Did you mean 'sppo on CartPole-v1'" in message


def test_more_frames_than_steps(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["frames", "--algo", "sppo", "--env", "CartPole-v1", "-f", str(logs), "-n", "3", "--n-frames", "4"]
    assert main(command) == 2
    assert "--n-frames must be a whole number between 1 and 3" in capsys.readouterr().err


def test_a_sheet_is_read_row_by_row() -> None:
    frames = [np.full((2, 3, 3), shade, np.uint8) for shade in range(5)]
    sheet = contact_sheet(frames)
    assert sheet.shape == (8, 24, 3)
    assert [int(sheet[0, column * 7, 0]) for column in range(4)] == [0, 1, 2, 3]
    assert int(sheet[6, 0, 0]) == 4
    assert int(sheet[6, 7, 0]) == 255
