"""Figures from stored logs: what is read, and what is drawn where."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure

from sb3_entropy import SPPO
from sb3_entropy.plots.training_curves import Run, draw_comparison, log_ticks, read_run, save_comparison

CSV = """time/total_timesteps,rollout/ep_rew_mean,train/entropy,train/ent_coef,train/entropy_loss
100,-5,1.5,,
200,-4,1.25,0.5,-1.3
300,-3,1.0,0.25,-1.1
,,0.75,0.125,-0.8
"""


@pytest.fixture
def folder(tmp_path):
    """A run's folder as the CSV logger leaves it, the last update's values at the end."""
    (tmp_path / "progress.csv").write_text(CSV)
    return tmp_path


def test_values_stand_at_the_step_of_the_update_they_speak_of(folder):
    run = read_run(folder)
    np.testing.assert_array_equal(run.steps, [100, 200, 300, np.nan])
    np.testing.assert_array_equal(run.updated, [0, 100, 200, 300])
    np.testing.assert_array_equal(run.ep_return, [-5, -4, -3, np.nan])
    np.testing.assert_array_equal(run.entropy, [1.5, 1.25, 1.0, 0.75])
    np.testing.assert_array_equal(run.temperature, [np.nan, 0.5, 0.25, 0.125])


def test_a_stock_algorithms_entropy_is_its_loss_negated(folder):
    text = CSV.replace("train/entropy,", "train/other,")
    (folder / "progress.csv").write_text(text)
    np.testing.assert_array_equal(read_run(folder).entropy, [np.nan, 1.3, 1.1, 0.8])


@pytest.mark.parametrize("algorithm", [SPPO, PPO])
def test_what_training_logs_can_be_read(tmp_path, algorithm):
    model = algorithm("MlpPolicy", "Pendulum-v1", n_steps=200, batch_size=200, n_epochs=1, device="cpu", seed=0)
    model.set_logger(configure(str(tmp_path), ["csv"]))
    model.learn(600)
    run = read_run(tmp_path)
    ok = np.isfinite(run.entropy)
    assert run.steps[np.isfinite(run.steps)].tolist() == [200, 400, 600]
    assert ok.sum() >= 2
    np.testing.assert_allclose(run.entropy[ok], 0.5 * np.log(2 * np.pi * np.e), atol=0.2)  # σ starts at 1


def test_a_folder_without_logs_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no .*progress.csv to draw"):
        read_run(tmp_path)


def test_three_panels_one_thin_line_a_run_and_a_thick_mean(folder, tmp_path):
    run = read_run(folder)
    other = Run(run.steps, run.updated, run.ep_return + 2, run.entropy, run.temperature)
    figure = draw_comparison({"A": [run, other], "B": [run]}, "Title", target_entropy=1.1, untempered=["B"])
    returns, entropies, temperatures = figure.axes
    thin = [line for line in returns.lines if line.get_linewidth() < 1]
    thick = [line for line in returns.lines if line.get_linewidth() > 2]
    assert (len(thin), len(thick)) == (3, 2)
    assert temperatures.get_yscale() == "log"
    np.testing.assert_allclose(thick[0].get_ydata()[[0, -1]], [-4, -2])  # the mean of the two
    assert thick[0].get_color() != thick[1].get_color()
    assert any(set(line.get_ydata()) == {1.1} for line in entropies.lines)
    assert {text.get_text() for text in returns.texts} >= {"A", "B"}
    assert any("target 1.10 nats" in text.get_text() for text in entropies.texts)
    assert "nats" in entropies.texts[0].get_text()
    assert temperatures.get_xlabel() == "environment steps"
    assert temperatures.get_xlim() == (0, 300)
    assert any("B" in text.get_text() and "α = 0" in text.get_text() for text in temperatures.texts)
    save_comparison(figure, tmp_path / "deep" / "figure.png")
    assert (tmp_path / "deep" / "figure.png").stat().st_size > 10_000


def test_names_do_not_overlap_where_lines_end_together(folder):
    run = read_run(folder)
    figure = draw_comparison({name: [run] for name in "ABC"}, "Title")
    returns = figure.axes[0]
    heights = sorted(text.xy[1] for text in returns.texts if text.get_text() in "ABC")
    end = returns.transAxes.inverted().transform(returns.transData.transform((0, -3)))[1]
    assert np.diff(heights).min() >= 0.1  # of the panel's height
    assert np.mean(heights) == pytest.approx(end)  # about where the lines end


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.5e-3, 20.0, [1e-3, 1e-2, 0.1, 1, 10]),
        (0.02, 0.4, [0.03, 0.1, 0.3]),
        (0.015, 0.12, [0.02, 0.05, 0.1]),
        (0.038, 0.083, [0.04, 0.05, 0.06, 0.07, 0.08]),
        (0.0512, 0.0588, [0.052, 0.054, 0.056, 0.058]),
        (0.9, 1.1, [0.9, 0.95, 1.0, 1.05, 1.1]),
        (1e-9, 1e9, [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]),
    ],
)
def test_ticks_of_a_logarithmic_axis(low, high, ticks):
    assert log_ticks(low, high) == ticks


@pytest.mark.parametrize("spread", [1.02, 1.7, 4.0, 30.0, 1e4])
def test_labels_of_temperatures_do_not_overlap(spread):
    steps = np.arange(1.0, 101.0)
    run = Run(steps, steps, -steps, steps / 50, 0.04 * spread ** (steps / 100))
    figure = draw_comparison({"SPPO": [run]}, "Title")
    figure.draw_without_rendering()
    axis = figure.axes[2].yaxis
    labels = [label for label in [*axis.get_ticklabels(), *axis.get_ticklabels(minor=True)] if label.get_text()]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.y0)
    low, high = figure.axes[2].get_window_extent().y0, figure.axes[2].get_window_extent().y1
    shown = [box for box in boxes if low <= (box.y0 + box.y1) / 2 <= high]
    assert len(shown) >= 3
    assert all(below.y1 < above.y0 for below, above in itertools.pairwise(shown))


def test_a_run_without_a_value_has_no_line(folder):
    run = read_run(folder)
    nothing = np.full(4, np.nan)
    figure = draw_comparison({"A": [Run(run.steps, run.updated, nothing, nothing, nothing)]}, "Title")
    assert isinstance(figure, Figure)
    assert all(not axes.lines for axes in figure.axes)
