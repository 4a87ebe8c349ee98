"""What every engine keeps; each check takes an engine. Those of ISOLATED need workers that are other processes."""

import itertools
import os
import pickle
import signal
import tempfile
import threading
import time

import engine_functions as f
import numpy as np
import pytest
import torch as th

from sb3_entropy.engines import ActorDied, EngineError, make_engine

_names = itertools.count()


def values(outcomes):
    """The values in the items' order; fails if one is missing, double or an error."""
    outcomes = sorted(outcomes, key=lambda outcome: outcome.index)
    assert [outcome.index for outcome in outcomes] == list(range(len(outcomes)))
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return [outcome.value for outcome in outcomes]


def maps(engine):
    assert values(engine.map_unordered(f.square, range(7))) == [item**2 for item in range(7)]
    assert values(engine.map_unordered(f.square, (i for i in range(7)), shared=5)) == [i**2 + 5 for i in range(7)]
    for chunk in (2, 7, 100):
        assert values(engine.map_unordered(f.square, range(7), chunk=chunk)) == [item**2 for item in range(7)]
    assert list(engine.map_unordered(f.square, [])) == []
    assert list(engine.map_unordered(f.square, iter(()))) == []


def gives_equal_numbers(engine):
    with make_engine("serial") as serial:
        expected = values(serial.map_unordered(f.numbers, range(4)))
    for chunk in (1, 3):
        for (product, total, sum_), expectation in zip(
            values(engine.map_unordered(f.numbers, range(4), chunk=chunk)), expected, strict=True
        ):
            np.testing.assert_array_equal(product, expectation[0])
            assert (total, sum_) == expectation[1:]


def has_one_thread(engine):
    list(engine.map_unordered(f.ask_for_threads, range(4)))
    for torch_threads, environment, pools in values(engine.map_unordered(f.threads, range(4))):
        assert torch_threads == 1
        assert environment == {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        assert set(pools) == {1}


def sends_shared_once(engine):
    seen = dict(values(engine.map_unordered(f.loads, range(20), shared=f.CountsLoads())))
    again = dict(values(engine.map_unordered(f.loads, range(20), shared=f.CountsLoads())))
    assert set(seen.values()) <= {0, 1}
    assert all(count <= seen.get(pid, 0) + 1 for pid, count in again.items())


def reports_errors(engine):
    for chunk in (1, 3):
        outcomes = {o.index: o for o in engine.map_unordered(f.fails, range(5), chunk=chunk)}
        assert [outcomes[index].value for index in range(5)] == [0, 1, None, None, 4]
        error = outcomes[2].error
        assert error.splitlines()[-1] == "ValueError: not 2"
        assert "in fails" in error.splitlines()[1]
        assert outcomes[3].error.splitlines()[-1] == "SystemExit: enough"


def takes_items_as_needed(engine):
    taken = 0

    def items():
        nonlocal taken
        while taken < 11:
            taken += 1
            yield taken

    for done, outcome in enumerate(engine.map_unordered(f.slow, items(), shared=0.0, chunk=2)):
        assert outcome.error is None
        # What is known but not yet handed out counts too: nothing new is taken before it is.
        assert taken - done <= 2 * engine.workers


def cancels(engine):
    start = time.monotonic()
    items = itertools.count()
    for outcome in engine.map_unordered(f.slow_from_2, items, shared=60.0):
        assert outcome.error is None
        break
    assert next(items) <= 1 + 2 * engine.workers
    assert values(engine.map_unordered(f.square, range(3))) == [0, 1, 4]
    assert time.monotonic() - start < 30


def is_busy_once(engine):
    first = engine.map_unordered(f.square, range(5))
    next(first)
    with pytest.raises(EngineError, match="at work on another map"):
        next(engine.map_unordered(f.square, range(5)))
    assert len(list(first)) == 4
    assert len(list(engine.map_unordered(f.square, range(5)))) == 5


def survives_items_that_fail(engine):
    def items():
        raise ZeroDivisionError("no first")
        yield 1

    with pytest.raises(ZeroDivisionError, match="no first"):
        list(engine.map_unordered(f.square, items()))
    assert values(engine.map_unordered(f.square, range(3))) == [0, 1, 4]


def refuses_bad_arguments(engine):
    with pytest.raises(TypeError, match=r"function must be callable as function\(item, shared\), but 3 was given"):
        engine.map_unordered(3, range(2))
    with pytest.raises(TypeError, match=r"items must be iterable, but 3 \(int\) was given"):
        engine.map_unordered(f.square, 3)
    for chunk, kind in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(kind, match="chunk must be a whole number ≥ 1"):
            engine.map_unordered(f.square, range(2), chunk=chunk)
    with pytest.raises(TypeError, match="cls must be a class, but 3 was given"):
        engine.spawn(3)
    # An actor that is not there any more answers at once, in every engine.
    with engine.spawn(f.Counter, 0) as counter:
        pass
    answers = [counter.call("add") for _ in range(2)]
    for count, kind in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(kind, match="count must be a whole number ≥ 1"):
            engine.wait(answers, count)
    for few, count in (([], 1), (answers, 3)):
        with pytest.raises(ValueError, match=f"at most the number of answers, {len(few)}, but {count} was given"):
            engine.wait(few, count)
    for timeout, kind in ((-1, ValueError), (float("nan"), ValueError), ("1", TypeError)):
        with pytest.raises(kind, match="timeout must be a number ≥ 0"):
            engine.wait(answers, timeout=timeout)
    with pytest.raises(TypeError, match=r"what call\(\) of this engine's actors gave, but 3 was given"):
        engine.wait([answers[0], 3])
    with pytest.raises(ValueError, match="answers must differ, but one was given twice"):
        engine.wait([answers[0], answers[0]])


def acts(engine):
    with engine.spawn(f.Counter, 5, step=2) as counter, engine.spawn(f.Counter, -1) as broken:
        answers = [counter.call("add", times=times) for times in (1, 2, 3)]
        assert [answer.result(30) for answer in answers] == [7, 11, 17]
        assert answers[0].done()
        with pytest.raises(KeyError, match="nothing"):
            counter.call("fail").result()
        with pytest.raises(AttributeError, match="no attribute 'subtract'"):
            counter.call("subtract").result()
        with pytest.raises(RuntimeError, match="SystemExit: enough"):
            counter.call("leave").result()
        assert counter.call("add").result() == 19
        for _ in range(2):
            with pytest.raises(ValueError, match="start must not be negative, but is -1"):
                broken.call("add").result()
    counter.close()
    for actor in (counter, broken):
        with pytest.raises(ActorDied, match="closed"):
            actor.call("add").result()


def waits(engine):
    here = engine.__class__.__name__ == "SerialEngine"
    with engine.spawn(f.Counter, 0) as slow, engine.spawn(f.Counter, 5) as quick:
        # Both are there.
        engine.wait([slow.call("add"), quick.call("add")], count=2, timeout=60)
        later, *at_once = answers = [slow.call("wait", 0.6), quick.call("add"), quick.call("fail"), quick.call("add")]
        assert engine.wait(answers, count=3, timeout=60) == ((answers, []) if here else (at_once, [later]))
        # Those are done, and none more is needed. What is done comes in the order given.
        assert engine.wait(answers[::-1]) == ((answers[::-1], []) if here else (at_once[::-1], [later]))
        assert engine.wait([later], timeout=0.01) == ([later], [])[:: 1 if here else -1]
        start, busy = time.monotonic(), time.process_time()
        assert engine.wait((later, at_once[0]), count=2) == ([later, at_once[0]], [])
        assert here or 0.1 < time.monotonic() - start < 30
        # It sleeps meanwhile.
        assert time.process_time() - busy < 0.1 + 0.3 * (time.monotonic() - start)
        assert [later.result(0), at_once[0].result(0)] == [None, 7]
        with pytest.raises(KeyError, match="nothing"):
            at_once[1].result(0)
        dying = slow.call("wait", 0.0 if here else 60.0)
        assert engine.wait([dying], timeout=0.0) == ([dying], [])[:: 1 if here else -1]
    # Closed while it was at work, and before.
    after = quick.call("add")
    assert engine.wait([after]) == ([after], [])
    assert engine.wait([dying, after], count=2, timeout=30) == ([dying, after], [])
    if not here:
        with pytest.raises(ActorDied):
            dying.result(0)


def weights():
    """Of a name of their own, so that nobody has loaded them before."""
    return f.Weights(f"weights {next(_names)}", np.arange(1000.0))


def once(engine, results, scales):
    """Whether the numbers are right, and each worker has unpickled the weights once: not at all in this process."""
    sent = engine.__class__.__name__ != "SerialEngine"
    for (loads, writeable, number), scale in zip(results, scales, strict=True):
        assert (loads, writeable, number) == (int(sent), not sent, 499500.0 * scale)


def shares_in_a_map(engine):
    with engine.share(weights()) as handle:
        for _ in range(2):
            once(engine, values(engine.map_unordered(f.weigh, range(10), shared=handle, chunk=2)), range(10))


def shares(engine):
    with engine.share(weights()) as handle:
        once(engine, values(engine.map_unordered(f.weigh, range(10), shared=handle, chunk=2)), range(10))
        items = [
            {"scale": 2, "weights": handle},
            {"scale": 3, "weights": [handle]},
            f.Job(handle, 4),
            f.Pair(5, handle),
        ]
        once(engine, values(engine.map_unordered(f.weigh_parts, items)), [2, 3, 4, 5])
        assert items[0]["weights"] is items[1]["weights"][0] is items[2].weights is items[3].weights is handle
        with engine.spawn(f.Counter, 0, step=6) as counter:
            once(engine, counter.call("weigh", handle, other=handle).result(), [6, 6])
            once(engine, counter.call("weigh", handle).result(), [6])
        with engine.spawn(f.Job, weights=(handle,)) as job:
            found = job.call("__getattribute__", "weights").result()
        assert [float(one.values.sum()) for one in found] == [499500.0]


def shares_what_is_dropped_at_once(engine):
    with engine.spawn(f.Counter, 0) as counter, engine.spawn(f.Job, engine.share(weights())) as job:
        counter.call("wait", 0.3)
        results = [counter.call("weigh", engine.share(weights())) for _ in range(3)]
        for result in results:
            once(engine, result.result(), [1])
        assert job.call("__getattribute__", "weights").result().values.shape == (1000,)
    items = ({"scale": scale, "weights": engine.share(weights())} for scale in range(5))
    once(engine, values(engine.map_unordered(f.weigh_parts, items, chunk=2)), range(5))


def refuses_handles(engine):
    handle = engine.share(5)
    with engine.spawn(f.Counter, handle) as counter:
        assert counter.call("add", times=handle).result() == 10
        released = engine.share(5)
        released.release()
        released.release()
        with make_engine("serial") as other:
            others = other.share(5)
            with pytest.raises(EngineError, match="another engine's"):
                list(other.map_unordered(f.square, [1], shared=[handle]))
        for bad, message in (
            (released, "was released. Share"),
            (others, "another engine's. Share the thing with this"),
        ):
            with pytest.raises(EngineError, match=message):
                list(engine.map_unordered(f.square, [1], shared=[bad]))
            with pytest.raises(EngineError, match=message):
                list(engine.map_unordered(f.square, [1, (bad,)]))
            with pytest.raises(EngineError, match=message):
                engine.spawn(f.Counter, bad)
            with pytest.raises(EngineError, match=message):
                counter.call("add", times={"bad": bad})
        with pytest.raises(EngineError, match="only in the calls of its engine"):
            pickle.dumps(handle)
    assert values(engine.map_unordered(f.square, range(3), shared=handle)) == [5, 6, 9]


def names_what_cannot_be_sent(engine):
    def local(item, shared):
        return item

    lock = threading.Lock()
    with pytest.raises(TypeError, match=r"shared cannot be sent .*: <unlocked _thread.lock .*cannot be pickled"):
        list(engine.map_unordered(f.square, range(2), shared=lock))
    with pytest.raises(TypeError, match="Item 1 cannot be sent to another process"):
        list(engine.map_unordered(f.square, [0, lock]))
    with pytest.raises(
        TypeError, match=r"What is shared cannot be sent .*: <unlocked _thread.lock .*cannot be pickled"
    ):
        engine.share(lock)
    with pytest.raises(TypeError, match=r"The actor's arguments cannot be sent"):
        engine.spawn(f.Counter, lock)
    if engine.__class__.__name__ == "ProcessEngine":  # Ray sends functions by value
        with pytest.raises(TypeError, match=r"The function cannot be sent .*local.*'serial', which sends nothing"):
            list(engine.map_unordered(local, range(2)))
        outcomes = {o.index: o for o in engine.map_unordered(f.unpicklable, range(3), chunk=3)}
        assert [outcomes[index].value for index in range(3)] == [0, None, 2]
        assert "The result cannot be sent back" in outcomes[1].error


def redoes_what_a_killed_worker_had(engine):
    with tempfile.TemporaryDirectory() as folder:
        assert values(engine.map_unordered(f.die_once, range(6), shared=folder, chunk=3)) == [*range(6)]
        assert os.listdir(folder) == ["3"]


def shares_again_when_a_worker_died(engine):
    handle = engine.share(weights())
    with tempfile.TemporaryDirectory() as folder:
        results = values(engine.map_unordered(f.weigh_or_die_once, range(8), shared=[folder, handle]))
        assert os.listdir(folder) == ["3"]
    once(engine, results, range(8))
    once(engine, values(engine.map_unordered(f.weigh, range(8), shared=handle)), range(8))


def forgets_what_is_not_shared_any_more(engine):
    with engine.spawn(f.Counter, 0) as counter:
        kept = engine.share(weights())
        for _ in range(5):
            once(engine, counter.call("weigh", kept, engine.share(weights())).result(), [1, 1])
        # The one that is held, and the last.
        assert counter.call("arrived").result() == 2


def gives_up_what_always_kills(engine):
    outcomes = {o.index: o for o in engine.map_unordered(f.die_always, range(6), chunk=2)}
    assert [outcomes[index].value for index in range(6)] == [0, 1, 2, None, 4, 5]
    how = "ended with exit code 7" if engine.__class__.__name__ == "ProcessEngine" else "died with Ray's WorkerCrash"
    message = f"The worker died each of the 3 times that it worked on this item: the last one {how}"
    assert outcomes[3].error.startswith(message)


def tells_of_an_actor_that_fails(engine):
    with engine.spawn(f.Counter, 0) as counter:
        with pytest.raises(TypeError, match=r"An argument of add\(\) cannot be sent"):
            counter.call("add", threading.Lock())
        with pytest.raises(TypeError, match=r"The result cannot be sent back: .*lambda.* Return plain data"):
            counter.call("unpicklable").result()
        with pytest.raises(RuntimeError, match="StrangeError: ab"):
            counter.call("strange").result()
        pid = counter.call("pid").result()
        with pytest.raises(TimeoutError):
            counter.call("wait", 0.5).result(0.05)
        waiting, behind = counter.call("wait", 60), counter.call("add")
        os.kill(pid, signal.SIGKILL)
        assert engine.wait([behind, waiting], count=2, timeout=30) == ([behind, waiting], [])
        with pytest.raises(ActorDied, match="process"):
            waiting.result(30)
        with pytest.raises(ActorDied, match="process"):
            counter.call("add").result(30)


def restores_threads(engine):
    before = th.get_num_threads()
    th.set_num_threads(2)
    try:
        for _ in engine.map_unordered(f.square, range(2)):
            assert th.get_num_threads() == 2
    finally:
        th.set_num_threads(before)


EVERYWHERE = [
    maps,
    gives_equal_numbers,
    has_one_thread,
    sends_shared_once,
    reports_errors,
    takes_items_as_needed,
    cancels,
    is_busy_once,
    survives_items_that_fail,
    refuses_bad_arguments,
    acts,
    waits,
    shares_in_a_map,
    shares,
    shares_what_is_dropped_at_once,
    refuses_handles,
    restores_threads,
]
ISOLATED = [
    names_what_cannot_be_sent,
    redoes_what_a_killed_worker_had,
    shares_again_when_a_worker_died,
    forgets_what_is_not_shared_any_more,
    gives_up_what_always_kills,
    tells_of_an_actor_that_fails,
]
