"""
The temperature α of entropy-regularised returns: fixed, scheduled, decayed, or tuned to a target entropy.

On-policy one temperature serves a whole update: the same α stands before the entropy in the return (Liu et al. 2020,
Eq. 35) and in the improvement (Eqs. 38 and 41). Off-policy it serves one gradient step, of critics and actor alike.
"""

from sb3_entropy.temperature.base import (
    DecayedTemperature,
    FixedTemperature,
    Schedule,
    ScheduledTemperature,
    Temperature,
)
from sb3_entropy.temperature.dual import DualTemperature
from sb3_entropy.temperature.making import ALLOWED, EntCoef, make_dual_temperature, make_schedule, make_temperature
from sb3_entropy.temperature.tuned import TunedTemperature, continued

__all__ = [
    "ALLOWED",
    "DecayedTemperature",
    "DualTemperature",
    "EntCoef",
    "FixedTemperature",
    "Schedule",
    "ScheduledTemperature",
    "Temperature",
    "TunedTemperature",
    "continued",
    "make_dual_temperature",
    "make_schedule",
    "make_temperature",
]
