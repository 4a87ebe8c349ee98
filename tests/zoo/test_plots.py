"""rl-zoo's plots and tables, without a display and without results."""

from pathlib import Path

import numpy as np
import pytest

from sb3_entropy.cli.main import main
from sb3_entropy.zoo.experiment import Experiment
from sb3_entropy.zoo.plots import plot_replacements


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """Two runs of SPPO on each of two tasks; on the second nothing was evaluated."""
    monkeypatch.chdir(tmp_path)
    for env in ("A-v1", "B-v1"):
        for number in (1, 2):
            run = Path("logs", "sppo", f"{env}_{number}")
            run.mkdir(parents=True)
            head = f'#{{"t_start": {number}, "env_id": "{env}"}}\nr,l,t\n'
            run.joinpath("0.monitor.csv").write_text(head + "".join(f"{i},10,{i}\n" for i in range(5)))
            if env == "A-v1":
                np.savez(run / "evaluations.npz", timesteps=[10, 20], results=[[1.0, 2.0], [3.0, 4.0 + number]])
    return tmp_path


TRAINED = ["plot_train", "-a", "sppo", "-e", "A-v1", "-f", "logs"]
GATHERED = ["all_plots", "-a", "sppo", "-f", "logs", "-e"]


def test_without_a_display_figures_are_saved(logs, capsys):
    from matplotlib import pyplot

    pyplot.close("all")  # what another test has left open would be saved too
    assert main([*TRAINED, "-w", "2"]) == 0
    assert f"There is no display: saved {logs / 'plot_train.png'}" in capsys.readouterr().out
    assert (logs / "plot_train.png").read_bytes().startswith(b"\x89PNG")
    assert main([*GATHERED, "A-v1", "-o", "results"]) == 0
    assert (logs / "all_plots.png").is_file()


def test_with_a_display_they_are_shown(logs, monkeypatch):
    class Manager:
        """Of windows."""

    from matplotlib import pyplot

    shown = []
    monkeypatch.setattr(pyplot, "show", lambda: shown.append(pyplot.get_fignums()))
    pyplot.close("all")
    pyplot.plot([1, 2])
    monkeypatch.setattr(type(pyplot.gcf().canvas), "manager_class", Manager)
    module = type("module", (), {"plt": pyplot})
    plot_replacements("plot_train", module)["plt"].show()
    pyplot.close("all")
    assert shown == [[1]]
    assert not list(logs.glob("*.png"))


@pytest.mark.parametrize(
    "arguments", [[*TRAINED, "-w", "6"], [*TRAINED[:4], "C-v1", "-f", "logs"], [*GATHERED, "B-v1"]]
)
def test_nothing_to_plot_is_an_error(logs, capsys, arguments):
    assert main(arguments) == 2
    assert "There is nothing to plot" in capsys.readouterr().err
    assert not list(logs.glob("*.png"))


def test_what_was_not_evaluated_has_no_score(logs, capsys):
    assert main([*GATHERED, "A-v1", "B-v1", "-o", "results", "--no-display"]) == 0
    table = capsys.readouterr().out
    assert "|A-v1        |4 +/- 0" in table
    assert "|B-v1        |not evaluated|" in table
    again = ["plot_from_file", "-i", "results.pkl", "-o", "figure.png", "--format", "png"]
    assert main(again) == 2
    captured = capsys.readouterr()
    assert "|not evaluated|" in captured.out
    assert "nothing under 'SPPO-logs': not every algorithm was evaluated in every environment" in captured.err
    assert main([*again, "--skip-envs", "B-v1"]) == 0
    assert (logs / "figure.png").stat().st_size > 1000


def test_no_schedule_of_ours_falls_below_zero():
    """The last rollout may end after the last step."""
    experiment = Experiment.__new__(Experiment)
    for ours in (True, False):
        experiment._is_ours = ours
        processed = experiment._preprocess_schedules(
            {"learning_rate": "lin_0.3", "clip_range": "lin_0.2", "n_steps": 8}
        )
        rate, clip = processed["learning_rate"], processed["clip_range"]
        # As rl-zoo's, bit for bit, until there.
        assert [rate(p) for p in (1.0, 0.7, 0.1, 0.0)] == [p * 0.3 for p in (1.0, 0.7, 0.1, 0.0)]
        assert ([rate(-0.1), clip(-0.1)] == [0.0, 0.0]) == ours


@pytest.mark.parametrize("command", ["train", "enjoy"])
def test_an_algorithm_has_to_be_named(logs, capsys, command):
    """rl-zoo would take PPO, which has no entropy in its return."""
    assert main([command, "--env", "Pendulum-v1"]) == 2
    assert "Name the algorithm, e.g. --algo sppo; --algo ppo is what rl-zoo takes" in capsys.readouterr().err
    assert not list(logs.glob("logs/ppo"))
