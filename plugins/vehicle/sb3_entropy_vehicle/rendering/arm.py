"""How the Acrobot looks."""

import math

import numpy as np
from numpy.typing import NDArray

from sb3_entropy_vehicle.numerics import State
from sb3_entropy_vehicle.rendering.canvas import AGENT, GOOD, INK, PAINT, Canvas

_LONGEST, _HALF = 420, 2.3


def arm_image(state: State | None) -> NDArray[np.uint8]:
    """
    The links blue, their joints dark, and the height of an upright arm green.

    :param state: (θ₁, θ₂, …); ``None`` draws no arm
    :return: shape (420, 420, 3)
    """
    canvas = Canvas((-_HALF, -_HALF), (_HALF, _HALF), _LONGEST, PAINT)
    canvas.line((-_HALF, 2.0), (_HALF, 2.0), 1.0, GOOD)
    joints = [(0.0, 0.0)]
    if state is not None:
        angle = float(state[0])
        joints.append((math.cos(angle), math.sin(angle)))
        angle += float(state[1])
        joints.append((joints[1][0] + math.cos(angle), joints[1][1] + math.sin(angle)))
    canvas.path(joints, 14.0, AGENT)
    for joint in joints:
        canvas.disc(joint, 5.0, INK)
    return canvas.image()
