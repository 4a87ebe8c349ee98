"""Pacejka's magic formula for one axle: forces from slips, and the slip that a longitudinal force takes."""

import math
from typing import NamedTuple

from sb3_entropy_vehicle.car import Tyre
from sb3_entropy_vehicle.numerics import Number, Ops, both


class Forces(NamedTuple):
    """
    What the road does to an axle, in the wheels' directions.

    :param along: F_x, in N
    :param across: F_y, in N, to the left
    """

    along: Number
    across: Number


class Grip:
    """
    A tyre on a road, after Althoff and Würsching, "CommonRoad: Vehicle Models", 2020, Section 8.1: the magic formula,
    each force weighted by the other's slip. Camber is none, and the source's shifts (p_hx1, p_vx1, r_hx1, r_by3, r_hy1,
    r_vy1), which make the car pull to one side, are left out, so that left and right are alike. Friction scales the
    peaks and leaves the slopes (Pacejka's λ_μ), and the weights read slips over friction: F(κ, α, λ_μ) =
    λ_μ·F(κ/λ_μ, α/λ_μ, 1), so that no road lets both forces reach their peaks at once. The
    longitudinal weight ends at zero, where the source's changes sign (from slip angles of 0.45 rad on).

    :param tyre: the coefficients
    :param friction: λ_μ: 1 on dry asphalt, 0.4 on snow, 0.1 on ice
    """

    def __init__(self, tyre: Tyre, friction: float):
        self.tyre, self.friction = tyre, friction
        self.peak_along = tyre.p_dx1 * friction
        self.peak_across = tyre.p_dy1 * friction
        self._b_along = tyre.p_kx1 / (tyre.p_cx1 * self.peak_along)
        self._inverse = both(
            c=tyre.p_cx1, e=tyre.p_ex1, rest=1.0 - tyre.p_ex1, guess=1.0 + 0.25 * tyre.p_ex1, b=self._b_along
        )
        self._magic = both(
            r_bx1=tyre.r_bx1 / friction,
            r_bx2=tyre.r_bx2 / friction,
            r_cx1=tyre.r_cx1,
            r_ex1=tyre.r_ex1,
            r_by1=tyre.r_by1 / friction,
            r_by2=tyre.r_by2 / friction,
            r_cy1=tyre.r_cy1,
            r_ey1=tyre.r_ey1,
            b_y=tyre.p_ky1 / (tyre.p_cy1 * self.peak_across),
            p_cy1=tyre.p_cy1,
            p_ey1=tyre.p_ey1,
            peak_along=self.peak_along,
            peak_across=-self.peak_across,
        )

    def slip(self, share: Number, ops: Ops) -> Number:
        """
        The inverse of the rising part of the pure longitudinal force, by three steps of Newton's method, after which
        the force is the one meant to 1e-12. For z = Bκ, (1 − E)z + E·atan z = t with t = tan(asin(share)/C), by

        z ← (qz − E·atan z + t)/(1 − E + q), q = E/(1 + z²)

        :param share: F_x/D_x, of the peak, in [−1, 1]
        :param ops: numbers or arrays
        :return: the longitudinal slip κ = ωR/u − 1; the force's peak lies at 0.15 on dry asphalt
        """
        n, one = self._inverse[ops.many], ops.const.one
        aim = ops.tan(ops.asin(share) / n.c)
        z = aim * n.guess
        for _ in range(3):
            q = n.e / (one + z * z)
            z = (q * z - n.e * ops.atan(z) + aim) / (n.rest + q)
        return z / n.b

    def forces(self, load: Number, share: Number, kappa: Number, alpha: Number, ops: Ops) -> Forces:
        """
        :param load: F_z, in N
        :param share: F_x/D_x that the slip κ would have without a slip angle
        :param kappa: κ, what :meth:`slip` says of it
        :param alpha: the slip angle, in rad: of the wheels' velocity to their direction, positive to the left
        :param ops: numbers or arrays
        :return: the forces of combined slip
        """
        p, one, atan = self._magic[ops.many], ops.const.one, ops.atan
        steep, steeper = p.r_bx2 * kappa, p.r_by2 * alpha
        z = p.r_bx1 * alpha / ops.sqrt(one + steep * steep)
        along = ops.maximum(ops.cos(p.r_cx1 * atan(z - p.r_ex1 * (z - atan(z)))), ops.const.zero)
        z = p.r_by1 * kappa / ops.sqrt(one + steeper * steeper)
        across = ops.cos(p.r_cy1 * atan(z - p.r_ey1 * (z - atan(z))))
        z = p.b_y * alpha
        pure = ops.sin(p.p_cy1 * atan(z - p.p_ey1 * (z - atan(z))))
        return Forces(p.peak_along * load * share * along, p.peak_across * load * pure * across)

    def pure_along(self, kappa: float) -> float:
        """
        :param kappa: κ
        :return: F_x/F_z without a slip angle
        """
        z = self._b_along * kappa
        E = self.tyre.p_ex1
        return self.peak_along * math.sin(self.tyre.p_cx1 * math.atan(z - E * (z - math.atan(z))))
