"""The benchmark of the vehicle times what it says, and its controller drives better than chance."""

import json

import pytest

pytest.importorskip("sb3_entropy_vehicle", reason="plugins/vehicle is not installed")

from benchmarks import control_vehicle
from benchmarks.control_vehicle import CASES, earned, main


def test_a_short_one(capsys, monkeypatch) -> None:
    monkeypatch.setattr(control_vehicle, "TOGETHER", 2)
    assert main(["--rounds", "1", "--steps", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == list(CASES)
    assert set(found["slip"]) == {"microseconds", "in_batch", "of_half_cheetah", "batch_faster"}
    monkeypatch.setattr(control_vehicle, "FASTER", 1e9)
    assert main(["--rounds", "1", "--steps", "2", "--strict"]) == 1


def test_pursuit_earns_more_than_chance() -> None:
    settings = {"tyres": "kinematic"}
    env_id = control_vehicle.sb3_entropy_vehicle.VEHICLE
    pursuit, chance = earned(env_id, settings, True, 2), earned(env_id, settings, False, 2)
    assert pursuit["mean"] > 390
    assert chance["mean"] < 100
    assert pursuit["steps"] == 400 > chance["steps"]
    assert pursuit["farthest"] < 0.5
    assert chance["farthest"] > 2.0


def test_chase_earns_more_than_chance() -> None:
    env_id = control_vehicle.sb3_entropy_vehicle.PAPER_VEHICLE
    chase, chance = earned(env_id, {}, True, 2), earned(env_id, {}, False, 2)
    assert chase["mean"] > -1700
    assert chance["mean"] < -30000
