"""
What everything that is registered must do, whoever wrote it.

``every`` is about algorithms of whatever family, ``on_policy`` about those of one: an algorithm is in a family if it
extends Stable-Baselines3's class of it. What is here belongs to policies and their distributions.
"""

import pytest

pytest.register_assert_rewrite("contracts.models")
