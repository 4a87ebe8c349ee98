"""How the quadrotor and its target look."""

import math
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import check_choice, check_number
from sb3_entropy_quadrotor.mjcf import picture_model
from sb3_entropy_quadrotor.parameters import Vector
from sb3_entropy_quadrotor.trajectories import Trajectory

METADATA: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 50}

_GREEN, _BLUE = (0.25, 0.65, 0.3, 0.9), (0.2, 0.4, 0.75, 0.9)
#: how far ahead the target's path is drawn, in s, and in how many pieces; how many points of the way so far
_AHEAD, _PIECES, _BEHIND = 5.0, 50, 250


def check_render_mode(render_mode: Any, width: Any, height: Any) -> None:
    """
    :param render_mode: what was given
    :param width: of the image, in pixels
    :param height: of the image, in pixels
    :raises TypeError: if a size is not whole
    :raises ValueError: if there is no such mode, or a size is less than 16 or more than 4096
    """
    if render_mode is not None:
        check_choice("render_mode", render_mode, METADATA["render_modes"])
    check_number("width", width, 16, 4096, integer=True)
    check_number("height", height, 16, 4096, integer=True)


def path_of(trajectory: Trajectory, now: float) -> list[Vector]:
    """
    :param trajectory: what is followed
    :param now: the time, in s
    :return: where the target will be in the next 5 s, in m
    """
    return [trajectory(now + _AHEAD * piece / _PIECES)[0] for piece in range(_PIECES + 1)]


class Camera:
    """
    Draws with MuJoCo, which is asked for a renderer at the first picture. It is not pickled with an environment.

    :param arm: from the quadrotor's centre to a rotor, in m; it is drawn twice as large
    :param width: of a picture, in pixels
    :param height: of a picture, in pixels
    :param fps: pictures a second in a window
    """

    def __init__(self, arm: float, width: int, height: int, fps: int):
        self.arm, self.width, self.height, self.fps = 2 * arm, width, height, fps
        self._way: list[Vector] = []
        self._model: Any = None
        self._data: Any = None
        self._renderer: Any = None
        self._viewer: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None, "_data": None, "_renderer": None, "_viewer": None}

    def forget(self) -> None:
        """A new episode begins."""
        self._way = []

    def remember(self, position: Sequence[float]) -> None:
        """
        :param position: where the quadrotor is, in m
        """
        x, y, z = position
        self._way = [*self._way[-_BEHIND:], (x, y, z)]

    def picture(
        self,
        mode: str,
        position: Sequence[float],
        quaternion: Sequence[float],
        target: Vector,
        path: Sequence[Vector],
    ) -> NDArray[np.uint8] | None:
        """
        :param mode: ``"rgb_array"`` or ``"human"``
        :param position: the quadrotor's, in m
        :param quaternion: (w, x, y, z)
        :param target: its position in m
        :param path: where it will be
        :return: the image, shape (height, width, 3); ``None`` where it is shown in a window
        :raises RuntimeError: if there is no renderer or no display
        """
        import mujoco

        if self._model is None:
            self._model = mujoco.MjModel.from_xml_string(picture_model(self.arm, self.width, self.height))
            self._data = mujoco.MjData(self._model)
        data = self._data
        data.mocap_pos[0], data.mocap_quat[0], data.mocap_pos[1] = position, quaternion, target
        mujoco.mj_forward(self._model, data)
        if mode == "human":
            self.remember(position)
            self._show(path)
            return None
        renderer = self._rendering()
        renderer.update_scene(data, self._view(path, target, position))
        self._draw_lines(renderer.scene, path)
        image: NDArray[np.uint8] = renderer.render()
        return image

    def _rendering(self) -> Any:
        import mujoco

        if self._renderer is None:
            try:
                self._renderer = mujoco.Renderer(self._model, self.height, self.width, max_geom=2000)
            except Exception as error:
                raise RuntimeError(
                    f"MuJoCo has no renderer here ({type(error).__name__}: {error}). On a machine without a display "
                    "set MUJOCO_GL=egl, or MUJOCO_GL=osmesa, before Python starts, and install the library that it "
                    "names; or make the environment without a render mode."
                ) from error
        return self._renderer

    def _view(self, path: Sequence[Vector], target: Vector, position: Sequence[float]) -> Any:
        import mujoco

        points = np.array([*path, target])
        spread = float(np.ptp(points, axis=0).max())
        middle = (points.max(axis=0) + points.min(axis=0)) / 2
        if spread > 3.0:  # the path goes on and on, and the camera with target and quadrotor
            middle, spread = (np.array(target) + position) / 2, 1.0 + math.dist(target, position)
        camera = mujoco.MjvCamera()
        camera.lookat[:] = middle
        camera.distance = 0.5 + 1.1 * spread + 4 * self.arm
        camera.azimuth, camera.elevation = 60.0, -25.0
        return camera

    def _draw_lines(self, scene: Any, path: Sequence[Vector]) -> None:
        for points, colour in ((path, _GREEN), (self._way, _BLUE)):
            for start, end in pairwise(points):
                if math.dist(start, end) > 1e-6:
                    self._line(scene, start, end, colour)

    def _line(self, scene: Any, start: Vector, end: Vector, colour: tuple[float, ...]) -> None:
        import mujoco

        if scene.ngeom >= scene.maxgeom:
            return
        geom = scene.geoms[scene.ngeom]
        capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
        mujoco.mjv_initGeom(geom, capsule, np.zeros(3), np.zeros(3), np.zeros(9), np.array(colour, dtype=np.float32))
        mujoco.mjv_connector(geom, capsule, 0.05 * self.arm, np.array(start), np.array(end))
        scene.ngeom += 1

    def _show(self, path: Sequence[Vector]) -> None:
        if self._viewer is None:
            check_display()
            import mujoco.viewer

            self._viewer = mujoco.viewer.launch_passive(
                self._model, self._data, show_left_ui=False, show_right_ui=False
            )
            self._viewer.cam.distance, self._viewer.cam.lookat[:] = 2.5, (0.0, 0.0, 1.0)
        if self._viewer.is_running():
            with self._viewer.lock():
                self._viewer.user_scn.ngeom = 0
                self._draw_lines(self._viewer.user_scn, path)
            self._viewer.sync()
            time.sleep(1.0 / self.fps)

    def close(self) -> None:
        """Close what is open."""
        for opened in (self._renderer, self._viewer):
            if opened is not None:
                opened.close()
        self._renderer = self._viewer = None


def check_display() -> None:
    """
    :raises RuntimeError: if no window can be opened here, for which MuJoCo's viewer would wait for ever
    """
    import warnings

    import glfw

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = bool(glfw.init())
    if not opened:
        raise RuntimeError(
            f"No window can be opened on this {sys.platform} machine: it has no display. Use render_mode='rgb_array' "
            "with MUJOCO_GL=egl or MUJOCO_GL=osmesa, or no render mode."
        )
