"""A window that shows images, by pygame."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sb3_entropy.errors import missing_module

_NO_DISPLAY = 'render_mode="human" needs a display, but there is none ({}): use render_mode="rgb_array".'


class Window:
    """
    :param width: of the images, in pixels
    :param height: of the images, in pixels
    :param fps: how many images a second are shown at most
    :raises RuntimeError: if pygame is not installed, or there is no display
    """

    def __init__(self, width: int, height: int, fps: int):
        try:
            import pygame
        except ImportError as error:
            raise RuntimeError(missing_module(error) or str(error)) from error
        self._pygame: Any = pygame
        try:
            pygame.display.init()
            self._screen = pygame.display.set_mode((width, height))
        except pygame.error as error:
            raise RuntimeError(_NO_DISPLAY.format(error)) from error
        driver = pygame.display.get_driver()
        if driver in {"dummy", "offscreen"} and not os.environ.get("SDL_VIDEODRIVER"):
            pygame.display.quit()  # SDL draws where nobody sees it, which nobody has asked for
            raise RuntimeError(_NO_DISPLAY.format(f"SDL has its driver {driver!r} alone"))
        pygame.display.set_caption("sb3_entropy_vehicle")
        self._clock, self._fps = pygame.time.Clock(), fps

    def show(self, image: NDArray[np.uint8]) -> None:
        """
        :param image: shape (height, width, 3); an image of another size changes the window's
        """
        pygame = self._pygame
        size = (image.shape[1], image.shape[0])
        if self._screen.get_size() != size:
            self._screen = pygame.display.set_mode(size)
        pygame.event.pump()
        self._screen.blit(pygame.surfarray.make_surface(image.swapaxes(0, 1)), (0, 0))
        pygame.display.flip()
        self._clock.tick(self._fps)

    def close(self) -> None:
        """Close it."""
        self._pygame.display.quit()
