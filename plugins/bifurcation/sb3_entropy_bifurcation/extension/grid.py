"""The states of a discretised pendulum."""

import numpy as np

from sb3_entropy_bifurcation.task import Array


class Grid:
    """
    States (θ, θ̇): θ around the circle, θ̇ in [−8, 8]. Where a step leads is shared by bilinear interpolation among the
    four states around it, as chances to get there (Kushner and Dupuis 2001, *Numerical Methods for Stochastic Control
    Problems in Continuous Time*).

    :param angles: how many θ
    :param velocities: how many θ̇
    :param greatest: the greatest θ̇
    """

    def __init__(self, angles: int, velocities: int, greatest: float):
        self.angles, self.velocities, self.greatest = angles, velocities, greatest
        theta = -np.pi + 2 * np.pi * np.arange(angles) / angles
        speed = np.linspace(-greatest, greatest, velocities)
        self.states = np.stack(np.meshgrid(theta, speed, indexing="ij"), axis=-1).reshape(-1, 2)

    def chances(self, state: Array) -> Array:
        """
        :param state: (θ, θ̇), θ any number
        :return: chance of each state of the grid, shape (S,)
        """
        i = (state[0] + np.pi) / (2 * np.pi) * self.angles
        j = (state[1] + self.greatest) / (2 * self.greatest) * (self.velocities - 1)
        below, left = int(np.floor(i)), min(int(np.floor(j)), self.velocities - 2)
        found = np.zeros((self.angles, self.velocities))
        for angle, of_angle in ((below, 1 - (i - below)), (below + 1, i - below)):
            for speed, of_speed in ((left, 1 - (j - left)), (left + 1, j - left)):
                found[angle % self.angles, speed] += of_angle * of_speed
        return found.ravel()
