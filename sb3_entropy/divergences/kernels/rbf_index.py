"""Actions whose numbers are near are alike."""

import torch as th
from scipy.fft import next_fast_len

from sb3_entropy.distributions.laws import Law
from sb3_entropy.divergences.kernels.base import Kernel, not_for_points
from sb3_entropy.errors import check_number
from sb3_entropy.registry import KERNELS


@KERNELS.register("rbf_index")
class RBFIndex(Kernel):
    """
    k(i, j) = exp(−(i − j)²/(2h²)), for choices in an order: levels, positions, discretised actions.

    K is a Toeplitz matrix, so K d is a convolution: n log n by FFT.

    :param bandwidth: h > 0, in steps from one action to the next
    :raises ValueError: if it is not > 0
    """

    description = "exp(−(i − j)²/2h²) between the numbers of ordered choices"

    def __init__(self, bandwidth: float = 1.0):
        check_number("bandwidth", bandwidth, low=0, open_low=True)
        self.bandwidth = float(bandwidth)

    @property
    def bounded(self) -> bool:
        return True

    def apply(self, d: th.Tensor) -> th.Tensor:
        n = d.shape[-1]
        length = int(next_fast_len(2 * n - 1, real=True))
        steps = th.arange(length, dtype=d.dtype, device=d.device)
        # On a circle long enough that what goes around the end meets nothing.
        circulant = self._of_steps(th.minimum(steps, length - steps))
        product = th.fft.rfft(d, length) * th.fft.rfft(circulant)
        smoothed: th.Tensor = th.fft.irfft(product, length)
        return smoothed[..., :n]

    def gram(self, actions: th.Tensor) -> th.Tensor:
        if actions.is_floating_point():
            raise not_for_points("rbf_index")
        return self._of_steps((actions[:, None] - actions[None, :]).to(th.get_default_dtype()))

    def squared_mmd(self, p: Law, q: Law) -> th.Tensor | None:
        raise not_for_points("rbf_index")

    def _of_steps(self, steps: th.Tensor) -> th.Tensor:
        return (-((steps / self.bandwidth) ** 2) / 2).exp()
