"""A wall between the start and the goal, as a Gymnasium environment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sb3_entropy.errors import check_number, unknown
from sb3_entropy_bifurcation.course import Course, checked_point
from sb3_entropy_bifurcation.env import TaskEnv
from sb3_entropy_bifurcation.rendering.course import course_image
from sb3_entropy_bifurcation.task import Array, Outcome, Task

#: what y is divided by in the observation, in the source
Y_SCALE = 3.0


class Obstacle2DEnv(TaskEnv):
    """
    The task ``Obstacle2D`` of the public code of Zhang, Chang and Gao, "When maximum entropy misleads policy
    optimization", ICML 2025: around a wall to a small goal behind it.

    *State*: a position (x, y), (0, 0) at first. *Action*: a velocity in [−3, 3]², held for one unit of time, so that
    the agent moves by it in a straight line. *Observation*: ((x − 2.025)/2.025, y/3), 2.025 the middle of the wall.
    *Reward and end*, in this order:

    1. a move that touches the wall, its edge included, pays −200 and terminates; the agent is then where it has touched
       it. So a move through the wall into the goal is a move into the wall;
    2. one that *ends* less than 0.1 from the goal pays 500 and terminates. To pass through the goal is not enough;
    3. any other pays by how much the distance to the goal has fallen.

    ``entropy/Obstacle2D-v0`` also cuts the episode after 50 steps. ``info``: ``position``, ``distance`` to the goal and
    ``is_success``, whether it has been reached.

    The goal can be reached in two steps, which pay up to 500.74: the return is 500 + 3 − d with d the distance before
    the last one.

    The rules are the source's, but for three details: there the agent is moved through the wall that ends its episode;
    step 51 is the last, and pays nothing; and the observation space is smaller than what can be observed.

    :param goal: its middle (x, y)
    :param goal_radius: how near is near enough
    :param wall_x: the wall's least and greatest x, right of the start
    :param wall_half_height: it is as far up and as far down
    :param speed: the greatest velocity along each axis
    :param hit_reward: what hitting the wall pays
    :param goal_reward: what reaching the goal pays
    :param render_mode: ``"rgb_array"`` (image) or ``None``
    :raises TypeError: if a parameter has the wrong type
    :raises ValueError: if a parameter is out of its range, or the goal touches the wall or the start
    """

    def __init__(
        self,
        *,
        goal: Sequence[float] = (3.0, 0.0),
        goal_radius: float = 0.1,
        wall_x: Sequence[float] = (2.0, 2.05),
        wall_half_height: float = 2.0,
        speed: float = 3.0,
        hit_reward: float = -200.0,
        goal_reward: float = 500.0,
        render_mode: str | None = None,
    ):
        self.course = Course.checked(goal, goal_radius, wall_x, wall_half_height)
        check_number("speed", speed, 0.0, open_low=True)
        check_number("hit_reward", hit_reward)
        check_number("goal_reward", goal_reward)
        self.rewards = (float(hit_reward), float(goal_reward))
        super().__init__(Obstacle2D(self.course, float(speed), *self.rewards), render_mode)


class Obstacle2D(Task):
    """
    The mechanics. A state is a position, shape (2,).

    :param course: where wall and goal are
    :param speed: the greatest velocity along each axis
    :param hit_reward: what hitting the wall pays
    :param goal_reward: what reaching the goal pays
    """

    def __init__(self, course: Course, speed: float, hit_reward: float, goal_reward: float):
        self.course, self.hit_reward, self.goal_reward = course, hit_reward, goal_reward
        # Without an end in itself, but finite, which Gymnasium's checker asks for.
        farthest = float(np.finfo(np.float32).max)
        self.observation_space = spaces.Box(-farthest, farthest, (2,), np.float32)
        self.action_space = spaces.Box(-speed, speed, (2,), np.float32)
        middle = (course.wall.low[0] + course.wall.high[0]) / 2
        self._shift, self._scale = np.array([middle, 0.0]), np.array([middle, Y_SCALE])

    def begin(self, options: Mapping[str, Any]) -> Array:
        """:return: (0, 0), or ``options["position"]``, outside the wall and the goal"""
        other = next((option for option in options if option != "position"), None)
        if other is not None:
            raise ValueError(unknown("option of reset()", other, ["position"]))
        position = np.array(checked_point('options["position"]', options.get("position", (0.0, 0.0))))
        if self.course.wall.distance(position) == 0.0 or self.course.distances(position[None])[0] < self.course.radius:
            raise ValueError(
                f'options["position"] must be a point outside the wall and the goal, but {tuple(position.tolist())} '
                "was given: an episode would be over before it begins."
            )
        return position

    def step(self, states: Array, actions: Array) -> Outcome:
        aimed = states + actions
        touched = self.course.wall.entered(states, aimed)
        hit = ~np.isnan(touched)
        arrived = np.where(hit[:, None], states + np.where(hit, touched, 0.0)[:, None] * actions, aimed)
        left = self.course.distances(aimed)
        solved = ~hit & (left < self.course.radius)
        rewards = self.course.distances(states) - left
        rewards[hit], rewards[solved] = self.hit_reward, self.goal_reward
        return Outcome(arrived, rewards, hit | solved, solved)

    def observe(self, states: Array) -> NDArray[np.float32]:
        seen: NDArray[np.float32] = ((states - self._shift) / self._scale).astype(np.float32)
        return seen

    def describe(self, states: Array) -> list[dict[str, Any]]:
        return [
            {"position": (x, y), "distance": distance}
            for (x, y), distance in zip(states.tolist(), self.course.distances(states).tolist(), strict=True)
        ]

    def image(self, path: Sequence[Array]) -> NDArray[np.uint8]:
        return course_image(self.course, path)
