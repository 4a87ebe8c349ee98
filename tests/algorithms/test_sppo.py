"""SPPO's own: the clip, the early stop."""

import io

import pytest
from contracts.models import build, parameters, record

from sb3_entropy import SPPO


def test_stops_early_at_the_target_kl(capsys: pytest.CaptureFixture[str]) -> None:
    model = build(SPPO, target_kl=1e-5, n_epochs=10, learning_rate=0.01, verbose=1)
    logged = record(model)
    model.learn(32, log_interval=1)
    assert 2 <= model._n_updates < 20
    assert logged.values["train/approx_kl"][-1] > 0
    assert "Early stopping: the approximate KL divergence has reached" in capsys.readouterr().out


def test_logs_its_clips() -> None:
    model = build(SPPO, clip_range=lambda progress: 0.2 * progress, clip_range_vf=0.3)
    logged = record(model)
    model.learn(32, log_interval=1)
    assert logged.values["train/clip_range"] == pytest.approx([0.1, 0.0])
    assert logged.values["train/clip_range_vf"] == pytest.approx([0.3, 0.3])
    assert all(0 <= fraction <= 1 for fraction in logged.values["train/clip_fraction"])


def test_the_kl_divergence_is_that_of_the_last_epoch() -> None:
    noted = build(SPPO, n_epochs=3).learn(16).journal.statistics
    assert tuple(sum(part.numel() for part in noted[name]) for name in ("approx_kl", "clip_fraction")) == (2, 6)


def test_an_updates_clips_are_not_saved() -> None:
    model = build(SPPO, clip_range=0.3, clip_range_vf=0.4).learn(16)
    assert (model._clip, model._value_clip) == (0.3, 0.4)
    file = io.BytesIO()
    model.save(file)
    file.seek(0)
    loaded = SPPO.load(file, device="cpu")
    assert (loaded._clip, loaded._value_clip) == (None, None)


def test_without_a_bound_on_the_gradient() -> None:
    clipped, free = (build(SPPO, max_grad_norm=bound, learning_rate=0.01).learn(32) for bound in (1e-3, None))
    assert not all(
        bool((one == other).all())
        for one, other in zip(parameters(clipped).values(), parameters(free).values(), strict=True)
    )
