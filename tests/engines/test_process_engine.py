"""What only processes of this machine have to stand."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import types
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread

import contract
import engine_functions as f
import pytest

from sb3_entropy.engines import EngineError, make_engine, worker
from sb3_entropy.engines.calls import load_called, plain_dumps

HERE = Path(__file__).parent
#: which a background job ignores
HEARS_CTRL_C = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"


def start(folder, script):
    """Run a script as a user would, in a session of its own, with a folder for temporary files of its own."""
    path = Path(folder, "driver.py")
    path.write_text(HEARS_CTRL_C + textwrap.dedent(script))
    modules = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, path],
        env={**os.environ, "PYTHONPATH": modules, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def runs(pid):
    """Whether a process runs; one that has ended and whose end nobody has asked for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def in_session(pid, leader):
    try:
        return runs(pid) and os.getsid(int(pid)) == leader
    except ProcessLookupError:
        return False


DRIVER = """
    import sys
    import engine_functions as f
    from sb3_entropy.engines import make_engine

    if __name__ == "__main__":
        engine = make_engine("process", workers=1)
        engine.spawn(f.Counter, 0).call("wait", 60)
        for outcome in engine.map_unordered(f.tell_pid, range(2), shared=engine.share(sys.argv[0] + ".pids")):
            print(outcome)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
@pytest.mark.parametrize(("end", "moment"), [("kill", "at work"), ("Ctrl-C", "at work"), ("Ctrl-C", "starting")])
def test_no_worker_outlives_its_driver(tmp_path, end, moment):
    folder = Path(tmp_path, "driver.py.pids")
    folder.mkdir()
    driver = start(tmp_path, DRIVER)

    def session():
        return [pid for pid in os.listdir("/proc") if pid.isdecimal() and in_session(pid, driver.pid)]

    if moment == "at work":
        wait_for(lambda: os.listdir(folder) or driver.poll() is not None)
        assert len(list(tmp_path.glob("sb3_entropy-*.shared"))) == 1
        assert {*os.listdir(folder)} < {*session()}
    else:
        # The driver, multiprocessing's tracker, the actor and the worker, which have much to import still.
        wait_for(lambda: len(session()) == 4 or driver.poll() is not None)
        time.sleep(0.2)
    started = session()
    # Ctrl-C in a terminal reaches every process of the group.
    if end == "kill":
        driver.kill()
    else:
        os.killpg(driver.pid, signal.SIGINT)
    out, err = driver.communicate(timeout=20)
    wait_for(lambda: not any(runs(pid) for pid in started), seconds=10)
    assert list(tmp_path.glob("*.shared")) == []
    assert out == ""
    if end == "Ctrl-C":
        # The driver's own, and nothing of the workers'.
        assert driver.returncode in (-signal.SIGINT, 1)
        assert err.count("Traceback") == 1
        assert err.rstrip().endswith("KeyboardInterrupt")


def test_script_without_guard(tmp_path):
    driver = start(
        tmp_path,
        """
        from sb3_entropy.engines import make_engine
        import engine_functions as f

        with make_engine("process", workers=1) as engine:
            print(list(engine.map_unordered(f.square, [1])))
        """,
    )
    out, err = driver.communicate(timeout=60)
    assert driver.returncode == 1
    assert out == ""
    last = err.splitlines()[-1]
    assert "3 worker processes in a row ended before they were ready: the last one ended with exit code 1" in last
    assert 'guard what it does with `if __name__ == "__main__":`' in last


def test_workers_that_do_not_start(monkeypatch):
    monkeypatch.setattr("sb3_entropy.engines.spawned.worker", types.SimpleNamespace(main=f.exit_at_once))
    with (
        make_engine("process", workers=1) as engine,
        pytest.raises(EngineError, match=r"3 worker processes in a row .* the last one ended with exit code 3"),
    ):
        list(engine.map_unordered(f.square, [1]))


def test_forgotten_engine_does_not_keep_the_program(tmp_path):
    driver = start(
        tmp_path,
        """
        import engine_functions as f
        from sb3_entropy.engines import make_engine

        if __name__ == "__main__":
            engine = make_engine("process", workers=1)
            start = engine.share(0)
            engine.spawn(f.Counter, start)
            print([outcome.value for outcome in engine.map_unordered(f.may_have_children, [1])])
        """,
    )
    out, err = driver.communicate(timeout=40)
    assert (out, err, driver.returncode) == ("[True]\n", "", 0)
    assert list(tmp_path.glob("*.shared")) == []


def test_function_that_workers_cannot_import_and_death_of_idle_workers(monkeypatch):
    here = types.ModuleType("only_here")
    exec("def function(item, shared): return item", here.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", here)
    with make_engine("process", workers=1) as engine:
        with pytest.raises(EngineError, match=r"cannot be read in a worker process(?s:.)*No module named 'only_here'"):
            list(engine.map_unordered(here.function, range(3)))
        (pid, _count), *_ = contract.values(engine.map_unordered(f.loads, range(2)))
        # Nobody's fault, and noticed before it is given anything.
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not runs(pid))
        assert contract.values(engine.map_unordered(f.square, range(2))) == [0, 1]
        start = time.monotonic()
        engine.close()
        engine.close()
        assert time.monotonic() - start < 5
        with pytest.raises(EngineError, match="closed"):
            engine.map_unordered(f.square, [1])
        with pytest.raises(EngineError, match="closed"):
            engine.spawn(f.Counter, 0)


def converse(serve, *messages):
    """What a worker answers, run here in a thread."""
    ours, theirs = Pipe()
    thread = Thread(target=serve, args=(theirs,))
    thread.start()
    answers = []
    for message, answered in messages:
        ours.send(message)
        if answered:
            assert ours.poll(10)
            answers.append(ours.recv())
    ours.send(("end",))
    thread.join(10)
    assert not thread.is_alive()
    return answers


def test_protocol_of_a_worker():
    unreadable, done = converse(
        worker.map_items,
        (("task", b"not a pickle", plain_dumps(None)), True),
        (("task", plain_dumps(f.square), plain_dumps(3)), False),
        (("items", (plain_dumps(2), b"not a pickle")), True),
    )
    assert unreadable[0] == "unreadable"
    assert "UnpicklingError" in unreadable[1]
    assert done[0] == "done"
    assert load_called(done[1][0]) == (7, None)
    value, error = load_called(done[1][1])
    assert value is None
    assert error.startswith("The item cannot be read in a worker:")
    made, answer = converse(
        worker.act,
        (("make", plain_dumps((f.Counter, (1,), {"step": 2}))), True),
        (("call", plain_dumps(("add", (2,), {}))), True),
    )
    assert made == ("made",)
    assert (answer[0], load_called(answer[1])) == ("answer", (5, None))
    assert load_called(b"not a pickle")[1].startswith("The result cannot be read here: UnpicklingError")
