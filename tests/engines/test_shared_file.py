"""Shared things in files: what is in them, and when they are removed."""

import errno
import os
import tempfile

import engine_functions as f
import numpy as np
import pytest

from sb3_entropy.engines import make_engine, shared_file


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return lambda: len(list(tmp_path.iterdir()))


@pytest.mark.parametrize("thing", [b"", np.zeros(0), [np.arange(3.0), "a", np.arange(5), np.eye(3)[1:].T], "α"])
def test_what_is_read_is_what_was_kept(thing, files):
    kept = shared_file.keep_in_file(("engine", 0), thing)
    get, *args = kept.recipe
    again = get(*args)
    np.testing.assert_equal(again, thing)
    for array in [part for part in again if isinstance(part, np.ndarray)]:
        assert not array.flags.writeable
        assert array.ctypes.data % 64 == 0
    assert files() == 1
    del kept
    assert files() == 0
    # What is mapped stays readable.
    np.testing.assert_equal(again, thing)


def test_a_worker_forgets_what_has_been_removed(files, monkeypatch):
    """Weights come by the thousand."""
    monkeypatch.setattr(shared_file, "_paths", set())
    for number in range(5):
        kept = shared_file.keep_in_file(("engine", number), number)
        get, *args = kept.recipe
        assert get(*args) == number
    assert shared_file._paths == {kept.place}
    shared_file.remove_what_was_read()
    assert files() == 0


def test_removed_with_the_last_that_needs_it(files):
    with make_engine("process", workers=1) as engine:
        handle, other = engine.share(1), engine.share(2)
        del other
        assert files() == 1
        with engine.spawn(f.Counter, handle) as counter:
            counter.call("wait", 0.5)
            answer = counter.call("add", handle)
            handle.release()
            assert files() == 1
            assert answer.result() == 2
            assert files() == 0
        if hasattr(os, "fork"):
            handle = engine.share(3)
            child = os.fork()
            if child == 0:
                handle.release()
                os._exit(0)
            os.waitpid(child, 0)
            assert files() == 1


def test_removed_when_the_engine_is_closed_by_an_exception(files):
    handles = []

    def fail():
        with make_engine("process", workers=1) as engine:
            handles.append(engine.share(1))
            assert files() == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert files() == 0
    handles.pop().release()
    with make_engine("serial") as serial:
        handle = serial.share([1])
    assert handle.kept.place is None


def test_nothing_is_left_of_what_cannot_be_kept(files, monkeypatch):
    def full(descriptor, mode):
        os.close(descriptor)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shared_file, "open", full, raising=False)
    with make_engine("process", workers=1) as engine:
        with pytest.raises(OSError, match="No space left"):
            engine.share(1)
        with pytest.raises(TypeError, match="What is shared cannot be sent"):
            engine.share(lambda: 0)
    assert files() == 0


def test_workers_of_a_killed_program_remove_what_they_read(files, monkeypatch):
    monkeypatch.setattr(shared_file, "_paths", set())
    kept = shared_file.keep_in_file(("engine", 0), "a")
    get, *args = kept.recipe
    assert get(*args) == "a"
    shared_file.remove_what_was_read()
    shared_file.remove_what_was_read()
    assert files() == 0
