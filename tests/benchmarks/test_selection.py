"""Which of their tests can touch a substituted class."""

from benchmarks.conformance.selection import imported, relevant_tests

NAMES = {"PPO", "A2C"}
SOURCE = """
import pytest
from stable_baselines3 import A2C, PPO, SAC

MODELS = [SAC, PPO]
OTHERS = {"sac": SAC}

@pytest.fixture
def model():
    return A2C("MlpPolicy", "env")

def helper():
    return model

class Callback:
    def use(self):
        return PPO

@pytest.mark.parametrize("cls", MODELS)
def test_by_constant(cls): ...

@pytest.mark.parametrize("cls", [A2C, SAC])
def test_by_decorator(cls): ...

def test_by_fixture(model): ...

def test_by_body():
    def inner():
        return PPO
    inner()

def test_by_class():
    Callback()

def test_by_helper():
    helper()

@pytest.mark.parametrize("name", OTHERS)
def test_of_another(name): ...

def test_of_nothing():
    "PPO and A2C in a text"
"""


def test_tests_that_lead_to_a_class() -> None:
    ways = ("constant", "decorator", "fixture", "body", "class", "helper")
    assert relevant_tests(SOURCE, NAMES) == {f"test_by_{way}" for way in ways}


def test_imports() -> None:
    assert imported(SOURCE, {"PPO", "TRPO"}) == {"PPO"}
    assert imported("import stable_baselines3", NAMES) == set()
