"""The engines' contract, for the engines that need nothing else."""

import contract
import pytest

from sb3_entropy.engines import make_engine


@pytest.fixture(scope="module")
def process():
    with make_engine("process", workers=2) as engine:
        yield engine


@pytest.mark.parametrize("check", contract.EVERYWHERE, ids=lambda check: check.__name__)
def test_serial(check):
    with make_engine("serial") as engine:
        check(engine)


@pytest.mark.parametrize("check", contract.EVERYWHERE + contract.ISOLATED, ids=lambda check: check.__name__)
def test_process(process, check):
    check(process)
