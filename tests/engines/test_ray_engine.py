"""Ray. Few tests: each start of a Ray takes seconds."""

import itertools
import os
import socket
import subprocess
import sys
import textwrap
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import contract
import engine_functions as f
import pytest

from sb3_entropy.engines import ActorDied, EngineError, make_engine
from sb3_entropy.engines.calls import load_called, plain_dumps
from sb3_entropy.engines.ray_actor import RayAnswer
from sb3_entropy.engines.ray_cluster import Head

pytest.importorskip("ray", reason="the extra 'ray' is not installed")


#: of the contract what no other engine shows of Ray; all of it takes half a minute, of which most is starting workers
SHORT = [
    contract.maps,
    contract.shares_in_a_map,
    contract.reports_errors,
    contract.waits,
    contract.redoes_what_a_killed_worker_had,
    contract.tells_of_an_actor_that_fails,
]


@pytest.mark.parametrize(
    "checks",
    [SHORT, pytest.param(contract.EVERYWHERE + contract.ISOLATED, marks=pytest.mark.slow)],
    ids=["short", "all"],
)
def test_ray_keeps_the_contract(checks):
    with make_engine("ray", workers=2) as engine:
        import ray

        from sb3_entropy.engines import ray_worker

        assert engine.workers == 2
        for check in checks:
            check(engine)

        # The program's own Ray is used, at its own number of CPUs, and left running.
        with make_engine("ray") as second:
            assert second.workers == 2
            assert contract.values(second.map_unordered(f.square, range(3))) == [0, 1, 4]
        with pytest.raises(EngineError, match=r"connected to the Ray cluster .* already, and cannot join '10.0.0.1:1'"):
            make_engine("ray", address="10.0.0.1:1")
        assert contract.values(engine.map_unordered(f.square, range(3))) == [0, 1, 4]

        # What a worker does, done here.
        task = ray.put((plain_dumps(f.square), plain_dumps(5)))
        for _ in range(2):
            results = ray_worker.work("name", [task], [plain_dumps(1), plain_dumps(2)], {})
            assert [load_called(result) for result in results] == [(6, None), (9, None)]
        unreadable = ray.put((b"not a pickle", plain_dumps(None)))
        assert "UnpicklingError" in ray_worker.work("other", [unreadable], [], {})
        holder = ray_worker.Holder(plain_dumps((f.Counter, (1,), {})), {})
        assert load_called(holder.ask(plain_dumps(("add", (), {"times": 2})), {})) == (3, None)
    assert not ray.is_initialized()


SCRIPT = """
    import os, sys, time
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # on loopback
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import engine_functions as f
    from ray.cluster_utils import Cluster
    from sb3_entropy.engines import ActorDied, EngineError, make_engine

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    with make_engine("ray", address=cluster.address) as engine:
        print("workers", engine.workers)
        found = {}
        for outcome in engine.map_unordered(f.slow, range(24), shared=0.1):
            assert outcome.error is None and outcome.index not in found, outcome
            found[outcome.index] = outcome.value
            if len(found) == 6:
                cluster.remove_node(node, allow_graceful=False)
        print("all", found == {index: index for index in range(24)})
        yielded = []
        try:
            for outcome in engine.map_unordered(f.slow, range(60), shared=0.1):
                yielded.append(outcome.value)
                if len(yielded) == 4:
                    cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
        except EngineError as error:
            print("head", len(yielded) >= 4, error)
    print("end")
    cluster.shutdown()  # removes its traces
"""


@pytest.mark.slow
def test_killed_node_and_killed_head(tmp_path):
    script = tmp_path / "cluster.py"
    script.write_text(textwrap.dedent(SCRIPT))
    modules = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": modules}
    result = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith(("workers", "all", "head", "end"))]
    assert lines[:2] == ["workers 2", "all True"], result.stderr
    assert lines[2].startswith("head True The head of the Ray cluster, 127.0.0.1:"), lines
    assert "has gone, and the cluster with it. What was yielded before stays valid" in lines[2]
    assert lines[3] == "end"


@pytest.mark.parametrize("address", ["", "here", "host:", "host:0", "host:99999", "ray://host:10001", 6379])
def test_addresses_that_are_none(address):
    with pytest.raises(ValueError, match="address must be 'host:port' of a Ray cluster's head, or 'auto'"):
        make_engine("ray", address=address)


def test_nobody_at_the_address():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        start = time.monotonic()
        with pytest.raises(EngineError, match=rf"No Ray cluster answers at '{address}'. On its head run `ray start"):
            make_engine("ray", address=address)
        assert time.monotonic() - start < 10


def test_without_ray(monkeypatch):
    monkeypatch.setattr("sb3_entropy.engines.ray_cluster.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install -e .*\[ray\].*; or use the engine 'process'"):
        make_engine("ray")


def test_what_ray_says_when_it_does_not_start(monkeypatch):
    import ray

    def init(**kwargs):
        raise ConnectionError("nobody there")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(EngineError, match=r"Ray cannot be started here: ConnectionError: nobody there"):
        make_engine("ray", workers=1)
    with pytest.raises(EngineError, match=r"The Ray cluster 'auto' cannot be joined: nobody there\. On its head run"):
        make_engine("ray", address="auto")


def test_head_that_goes(monkeypatch):
    import ray

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        fake = SimpleNamespace(
            get_runtime_context=lambda: SimpleNamespace(gcs_address=address), exceptions=ray.exceptions
        )
        head = Head(fake)
        now = itertools.count(time.monotonic() + 1, 2)
        monkeypatch.setattr("sb3_entropy.engines.ray_cluster.time", SimpleNamespace(monotonic=lambda: next(now)))
        for _ in range(5):
            head.check()
        with (
            pytest.raises(EngineError, match=r"BrokenPipeError: pipe\. What was yielded"),
            head.speaking(),
        ):
            raise BrokenPipeError("pipe")
        with pytest.raises(ZeroDivisionError), head.speaking():
            raise ZeroDivisionError
    head.check()
    head.check()
    with pytest.raises(EngineError, match=f"The head of the Ray cluster, {address}, has gone"):
        head.check()
    with pytest.raises(EngineError, match=f"The head of the Ray cluster, {address}, has gone"), head.speaking():
        raise ray.exceptions.RaySystemError("lost")


LISTENER = """
import socket, sys, time
with socket.socket(socket.AF_UNIX) as server:
    server.bind(sys.argv[1])
    server.listen()
    print("listens", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="looked at on Linux alone")
def test_a_raylet_that_goes(tmp_path):
    """Without it Ray would end the program; that it is a zombie, as in tests on one machine, hides nothing."""
    import ray

    path = str(tmp_path / "raylet")
    with (
        subprocess.Popen([sys.executable, "-S", "-c", LISTENER, path], stdout=subprocess.PIPE) as raylet,
        socket.create_server(("127.0.0.1", 0)) as gcs,
    ):
        assert raylet.stdout.readline() == b"listens\n"
        worker = SimpleNamespace(global_worker=SimpleNamespace(node=SimpleNamespace(raylet_socket_name=path)))
        fake = SimpleNamespace(
            get_runtime_context=lambda: SimpleNamespace(gcs_address=f"127.0.0.1:{gcs.getsockname()[1]}"),
            exceptions=ray.exceptions,
            _private=SimpleNamespace(worker=worker),
        )
        head = Head(fake)
        assert head.here
        head.check_now()
        raylet.kill()
        os.waitid(os.P_PID, raylet.pid, os.WEXITED | os.WNOWAIT)
        assert not head.here
        for check in (head.check_here, head.check_now, head.check, head.speaking().__enter__):
            with pytest.raises(EngineError, match="the raylet, has gone, and without it this program can ask"):
                check()
        gcs.close()
        with pytest.raises(EngineError, match=r"The head of the Ray cluster, .*, has gone"):
            head.check_here()


class Clock:
    """What Ray, its engine and the watch over its head have as time; and what Ray has finished at which second."""

    def __init__(self, address, finished):
        import ray

        self.now, self.finished, self.waited = 100.0, finished, []
        self.cloudpickle, self.exceptions = ray.cloudpickle, ray.exceptions
        self.get_runtime_context = lambda: SimpleNamespace(gcs_address=address)

    def monotonic(self):
        return self.now

    def remote(self, **options):
        return lambda function: function

    def wait(self, references, num_returns, timeout):
        end, at = self.now + timeout, sorted(self.finished.get(one, float("inf")) for one in references)
        self.now = max(self.now, min(end, at[num_returns - 1]))
        self.waited.append(timeout)
        ready = [one for one in references if self.finished.get(one, float("inf")) <= self.now]
        return ready[:num_returns], [one for one in references if one not in ready[:num_returns]]


@pytest.fixture
def clocked(monkeypatch):
    """Makes an engine whose Ray is a clock, and answers of its actors."""

    def make(address, finished):
        clock = Clock(address, finished)
        monkeypatch.setattr("sb3_entropy.engines.ray_cluster.connect", lambda workers, address: (clock, False))
        for module in ("ray", "ray_cluster"):
            monkeypatch.setattr(f"sb3_entropy.engines.{module}.time", clock)
        engine = make_engine("ray", workers=1)
        return engine, clock, [RayAnswer(clock, engine._head, name) for name in "abcd"]

    return make


def test_waiting_for_answers(clocked):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        engine, clock, (a, b, c, d) = clocked(address, {"b": 103.4, "d": 103.4, "c": 105.0})
        assert engine.wait([a, b, c, d], timeout=2.5) == ([], [a, b, c, d])
        assert clock.waited == [1.0, 1.0, 0.5]
        # Both that are there at once, of which one was enough.
        assert engine.wait([d, c, b, a]) == ([d, b], [c, a])
        assert clock.now == pytest.approx(103.4)
        assert engine.wait([a, b, c, d], count=3) == ([b, c, d], [a])
        assert clock.now == pytest.approx(105.0)
        # Of actors that were closed: no need to wait for more, but a look at what is there.
        closed = Future()
        closed.set_exception(ActorDied("The actor was closed."))
        assert engine.wait([a, closed, d]) == ([closed, d], [a])
        assert engine.wait([closed]) == ([closed], [])
        assert engine.wait([a, closed]) == ([closed], [a])
        assert engine.wait([a, closed], count=2, timeout=0) == ([closed], [a])
        assert clock.now == pytest.approx(105.0)
        with pytest.raises(TypeError, match=r"this engine's actors gave, but <Future at .* state=pending> was given"):
            engine.wait([Future()])


def test_waiting_for_answers_ends_when_the_head_has_gone(clocked):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        engine, clock, (a, *_) = clocked(address, {})
        with pytest.raises(EngineError, match=f"The head of the Ray cluster, {address}, has gone"):
            engine.wait([a])
        assert clock.now <= 105.0
