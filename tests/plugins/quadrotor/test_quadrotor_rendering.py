"""Pictures of the quadrotor, where MuJoCo has a renderer, and what is said where it has none."""

import os
import subprocess
import sys
import warnings
from typing import Any

import glfw
import gymnasium as gym
import mujoco
import numpy as np
import pytest
import sb3_entropy_quadrotor  # noqa: F401  (it registers the environment)
from sb3_entropy_quadrotor.rendering import path_of
from sb3_entropy_quadrotor.trajectories import line

ENV_ID = "entropy/Quadrotor-v0"

PICTURES = """
import gymnasium as gym, numpy as np
from sb3_entropy_quadrotor import PDController
for settings in ({"task": "circle"}, {"model": "paper", "action_range": "hover"}):
    env = gym.make("entropy/Quadrotor-v0", render_mode="rgb_array", width=240, height=180, **settings)
    seen, _ = env.reset(seed=0)
    fly = PDController(env).action if "task" in settings else lambda seen: np.zeros(4, dtype=np.float32)
    try:
        first = env.render()
    except RuntimeError as error:
        raise SystemExit(str(error))
    for _ in range(70 if "task" in settings else 10):
        seen, *_ = env.step(fly(seen))
    image = env.render()
    assert (image.shape, image.dtype) == ((180, 240, 3), np.uint8)
    assert (image != first).any()
    red, green, blue = np.moveaxis(image.astype(int), 2, 0)
    assert (green > np.maximum(red, blue) + 40).any(), "the target"
    assert (blue > red + 40).any() or "task" not in settings, "the way so far"
    assert (red > green + 60).any(), "the front rotors"
    env.close()
print("drawn")
"""


class Nothing:
    """A renderer that draws what it is asked to count."""

    def __init__(self, model: Any, height: int, width: int, max_geom: int):
        self.size, self.scene, self.closed = (height, width, 3), mujoco.MjvScene(model, max_geom), False

    def update_scene(self, data: Any, camera: Any) -> None:
        self.data, self.camera = data, camera

    def render(self) -> np.ndarray:
        return np.full(self.size, self.scene.ngeom, dtype=np.uint8)

    def close(self) -> None:
        self.closed = True


@pytest.mark.slow
def test_pictures_show_quadrotor_target_and_way() -> None:
    environ = {"MUJOCO_GL": "egl", **os.environ}
    done = subprocess.run([sys.executable, "-c", PICTURES], env=environ, capture_output=True, text=True, check=False)
    if "MuJoCo has no renderer here" in done.stderr:
        pytest.skip(f"MuJoCo has no renderer here: {done.stderr.strip().splitlines()[-1]}")
    assert done.stdout == "drawn\n", done.stderr


def test_target_path_and_way_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mujoco, "Renderer", Nothing)
    env = gym.make(ENV_ID, render_mode="rgb_array", task="line", width=32, height=24)
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.zeros(4, dtype=np.float32))
    camera = env.unwrapped.camera  # type: ignore[attr-defined]
    image = env.render()
    assert image.shape == (24, 32, 3)  # type: ignore[union-attr]
    assert image[0, 0, 0] == 50 + 3  # type: ignore[index]  # pieces of the path, and of the way from the start
    data, info = camera._renderer.data, env.step(np.zeros(4, dtype=np.float32))[4]
    env.render()
    np.testing.assert_allclose(data.mocap_pos, [info["position"], info["target"]])
    between = (np.array(info["position"]) + info["target"]) / 2
    np.testing.assert_allclose(camera._renderer.camera.lookat, between)  # it goes with both
    renderer = camera._renderer
    env.close()
    assert renderer.closed
    env.close()
    env.reset(seed=0)
    assert env.render()[0, 0, 0] == 50  # type: ignore[index]  # the way is forgotten


def test_the_paths_are_those_of_the_targets() -> None:
    path = path_of(line, 1.0)
    np.testing.assert_allclose(path[0], (1.5, 0.0, 1.0))
    np.testing.assert_allclose(path[-1], (9.0, 0.0, 1.0))


def test_a_machine_without_a_renderer_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **settings: Any) -> None:
        raise ImportError("no libEGL")

    monkeypatch.setattr(mujoco, "Renderer", fail)
    for model in ("simple", "paper"):
        env = gym.make(ENV_ID, model=model, render_mode="rgb_array")
        env.reset(seed=0)
        with pytest.raises(RuntimeError, match=r"no renderer here \(ImportError: no libEGL\).*MUJOCO_GL=egl"):
            env.render()


def test_a_machine_without_a_display_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glfw, "init", lambda: False)
    env = gym.make(ENV_ID, render_mode="human")
    with pytest.raises(RuntimeError, match=r"No window can be opened on this \w+ machine.*rgb_array"):
        env.reset(seed=0)


def test_without_a_render_mode_nothing_is_drawn() -> None:
    for model in ("simple", "paper"):
        env = gym.make(ENV_ID, model=model).unwrapped
        env.reset(seed=0)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            assert env.render() is None
        assert "make the environment with render_mode=" in str(warned[0].message)
