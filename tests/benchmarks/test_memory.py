"""A child's peak memory must be its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.timing import memory
from benchmarks.timing.cells import Cell

READ = "from benchmarks.timing.memory import resident_peak; "

pytestmark = pytest.mark.skipif(not memory.STATUS.exists(), reason="needs /proc")


def _in_child(code: str) -> list[float]:
    """The numbers that a child prints, started by a process that itself holds 300 MiB."""
    launcher = (
        "import subprocess, sys; held = bytearray(300 * 2**20); held[::4096] = b'x' * len(held[::4096]); "
        "subprocess.run([sys.executable, '-c', sys.argv[1]], check=True)"
    )
    command = [sys.executable, "-c", launcher, READ + code]
    said = subprocess.run(command, cwd=memory.ROOT, capture_output=True, text=True, check=True).stdout
    return [float(number) for number in said.split()]


def test_the_launchers_memory_is_not_the_childs() -> None:
    (peak,) = _in_child("print(resident_peak())")
    assert peak < 150


def test_what_is_allocated_and_freed_is_seen() -> None:
    before, after = _in_child(
        "print(resident_peak()); x = bytearray(100 * 2**20); x[::4096] = b'x' * len(x[::4096]); del x; "
        "print(resident_peak())"
    )
    assert after - before == pytest.approx(100, abs=5)


def test_a_system_without_proc_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    with pytest.raises(RuntimeError, match="--memory-repeats 0"):
        memory.resident_peak()


@pytest.mark.parametrize(("said", "message"), [("[200.0, 200.0]", "does not see it"), ("[300.0, 200.0]", None)])
def test_a_peak_before_training_is_refused(monkeypatch: pytest.MonkeyPatch, said: str, message: str | None) -> None:
    done = subprocess.CompletedProcess([], 0, stdout=f"noise\n{said}\n", stderr="")
    monkeypatch.setattr(memory.subprocess, "run", lambda *_, **__: done)
    cell = Cell("sppo", "Pendulum-v1", 1)
    if message is None:
        assert memory.peak_memory(cell, ours=True) == (300.0, 100.0)
    else:
        with pytest.raises(RuntimeError, match=message):
            memory.peak_memory(cell, ours=True)
