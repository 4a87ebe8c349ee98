"""A pickle is read without running what is in it."""

import collections
import io
import pickle

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.logger import HumanOutputFormat
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.type_aliases import TrainFrequencyUnit
from stable_baselines3.common.utils import ConstantSchedule, FloatSchedule
from stable_baselines3.common.vec_env.base_vec_env import CloudpickleWrapper

from sb3_entropy.references import frozen
from sb3_entropy.unpickling.allowed import find
from sb3_entropy.unpickling.unpickler import UntrustedError, loads


def _global(module, name):
    return b"\x80\x04" + b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93"


def _call(module, name, argument="x"):
    return _global(module, name) + b"\x8c" + bytes([len(argument)]) + argument.encode() + b"\x85R."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("subprocess", "Popen"),
        ("builtins", "eval"),
        ("builtins", "exec"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("builtins", "open"),
        ("pickle", "loads"),
        ("operator", "attrgetter"),
        ("functools", "partial"),
        ("importlib", "import_module"),
        ("runpy", "run_path"),
        ("torch", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.fx.graph_module", "reduce_graph_module"),
        ("numpy", "load"),
        ("numpy", "memmap"),
        ("numpy.testing._private.utils", "runstring"),
        ("stable_baselines3.common.save_util", "load_from_pkl"),
        ("stable_baselines3.common.save_util", "cloudpickle"),
        ("stable_baselines3.common.logger", "HumanOutputFormat"),
        ("stable_baselines3.common.monitor", "Monitor"),
        ("stable_baselines3.common.vec_env.base_vec_env", "CloudpickleWrapper"),
        ("stable_baselines3.common.vec_env.subproc_vec_env", "SubprocVecEnv"),
        ("sb3_entropy.cli.main", "main"),
        ("sb3_entropy.cli.__main__", "main"),
        ("sb3_entropy.registry", "ALGORITHMS"),
        ("sb3_entropy.references.frozen", "load_from_zip_file"),
        ("sb3_entropy.references.frozen", "FrozenPolicy.__init__.__globals__"),
        ("numpy", "dtype.__class__"),
        ("gymnasium.spaces.box", "np.load"),
        ("gymnasium.spaces.box", "os"),
        ("", "system"),
    ],
)
def test_what_is_not_on_the_list_is_refused_by_its_name(module, name):
    # What is imported by it, or under another name than its own, is not what is meant either.
    assert find(module, name) is None
    with pytest.raises(UntrustedError, match=rf"The file names {module}\.{name}, which is not among"):
        loads(_call(module, name), "The file")


def test_a_refusal_says_what_and_where_and_what_to_do(trap):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(UntrustedError) as refusal:
            loads(pickle.dumps([1, trap], protocol), "The field 'x' of agent.zip")
        assert str(refusal.value) == (
            f"The field 'x' of agent.zip names {trap.__reduce__()[0].__module__}.system, which is not among the things "
            "that models are made of. It could do anything, so it was not read. If you would run a program of whoever "
            "made it, --trust reads it as it is, in Python trust=True."
        )


def test_what_is_made_is_not_called(trap, monkeypatch):
    monkeypatch.setattr(frozen, "_read", lambda path: pytest.fail("read"))
    name = ("sb3_entropy.references.frozen", "FrozenPolicy")
    with pytest.raises(
        UntrustedError, match=r"uses sb3_entropy\.references\.frozen\.FrozenPolicy as a thing to be called"
    ):
        loads(_call(*name, "evil.zip"), "It")
    # As a value, whoever finds it would call it. It stands for itself, cannot be called, and is not saved.
    value = loads(_global(*name) + b".", "It")
    assert not callable(value)
    with pytest.raises(ValueError, match="as a value"):
        pickle.dumps({"policy_class": value})


def test_what_is_called_or_meant_is_not_made():
    for module, name in (("builtins", "set"), ("torch.nn.modules.activation", "ReLU")):
        with pytest.raises(UntrustedError, match="as a thing to be made, which it is not"):
            loads(_global(module, name) + b")\x81.", "It")
    with pytest.raises(UntrustedError, match=r"uses torch\.nn\.modules\.activation\.ReLU as a thing to be called"):
        loads(_global("torch.nn.modules.activation", "ReLU") + b")R.", "It")


@pytest.mark.parametrize(
    "code",
    [
        b"(S'x'\nios\nsystem\n.",
        b"(" + _global("builtins", "set")[2:] + b"o.",
        _global("gymnasium.spaces.discrete", "Discrete") + b")}\x92.",
        b"\x82\x01.",
    ],
    ids=["INST", "OBJ", "NEWOBJ_EX", "EXT1"],
)
def test_there_is_one_way_to_call_and_one_to_make(code):
    with pytest.raises(UntrustedError, match=r"It calls something by the opcode (INST|OBJ|NEWOBJ_EX|EXT1)\. It could"):
        loads(code, "It")


def test_no_class_is_changed():
    state = pickle.dumps((None, {"sample": 1}))[2:-1]
    for module, name in (
        ("torch.nn.modules.activation", "ReLU"),
        ("gymnasium.spaces.box", "Box"),
        ("sb3_entropy.references.frozen", "_no_learning"),
    ):
        with pytest.raises(UntrustedError, match=rf"changes {module}.{name} itself"):
            loads(_global(module, name) + state + b"b.", "It")
    assert spaces.Box.sample != 1


@pytest.mark.parametrize("state", [{"__reduce_ex__": 1}, (None, {"__class__": 1})])
def test_nothing_that_is_pythons_own_is_set(state):
    made = _global("stable_baselines3.common.utils", "ConstantSchedule") + b")\x81"
    with pytest.raises(
        UntrustedError, match=r"sets __(reduce_ex|class)__ of a .*ConstantSchedule, which is Python's own"
    ):
        loads(made + pickle.dumps(state)[2:-1] + b"b.", "It")


def _part(value):
    """What puts a plain value, or an instance of a class of the list, on the stack."""
    return pickle.dumps(value, 2)[2:-1]


#: an instance whose class has a constructor without arguments, and whose state is set after this
_MADE = _global("sb3_entropy.presets.schedules", "LinearToZero") + b")\x81"


def _mapping(items):
    """A space that is a mapping, but no ``dict``: its items are what the pickle says."""
    return _global("gymnasium.spaces.dict", "Dict")[2:] + b")\x81}" + _part("spaces") + _part(items) + b"sb"


@pytest.mark.parametrize(
    "state",
    [_mapping({"__reduce_ex__": 1}), b"N" + _mapping({"__class__": 1}) + b"\x86", _part([("__class__", 1)])],
    ids=["attributes", "slots", "list"],
)
def test_a_state_is_a_mapping_that_can_be_looked_through(state):
    with pytest.raises(UntrustedError, match=r"gives a LinearToZero the state a (Dict|list), which is no mapping"):
        loads(_MADE + state + b"b.", "It")


def test_no_member_of_an_enum_is_changed():
    changed = _call("stable_baselines3.common.type_aliases", "TrainFrequencyUnit", "step")[:-1]
    with pytest.raises(UntrustedError, match="changes a TrainFrequencyUnit itself"):
        loads(changed + _part({"_value_": "owned"}) + b"b.", "It")
    assert TrainFrequencyUnit.STEP.value == "step"


def _dtype(spec, state):
    return _call("numpy", "dtype", spec)[2:-1] + _part(state) + b"b"


@pytest.mark.parametrize(
    ("spec", "state"),
    [
        ("V8", (3, "|", None, ("a",), {"a": (np.dtype("i8"), 0)}, 8, 1, 0)),
        ("V8", (3, "|", (np.dtype("i4"), (2,)), None, None, 8, 1, 0)),
        ("f8", (3, "<", None, None, None, -1, -1, 63)),
        ("U5", (3, "<", None, None, None, 2**40, 4, 8)),
    ],
    ids=["fields", "subarray", "flags", "size"],
)
def test_bytes_do_not_become_addresses(spec, state):
    with pytest.raises(UntrustedError, match=r"changes the numpy\.dtype .* to what it is not"):
        loads(b"\x80\x04" + _dtype(spec, state) + b".", "It")


@pytest.mark.parametrize("spec", ["O", "i4,O", "i4,i4", "(2,)f8"])
def test_items_are_numbers_or_texts(spec):
    with pytest.raises(UntrustedError, match=r"has the numpy\.dtype '.*', which is not one of plain numbers or texts"):
        loads(_call("numpy", "dtype", spec), "It")


def test_no_dtype_is_everybodys():
    read = loads(b"\x80\x04" + _dtype("f8", (3, ">", None, None, None, -1, -1, 0)) + b".", "It")
    assert read == np.dtype(">f8")
    assert np.dtype("f8").isnative


@pytest.mark.parametrize("kind", ["__bit_generator_ctor", "__generator_ctor", "__randomstate_ctor"])
def test_a_generator_is_made_of_a_bit_generator_and_nothing_else_is(kind):
    made = _global("numpy.random._pickle", kind)
    with pytest.raises(UntrustedError, match="makes a generator of 'ReLU', which is no BitGenerator"):
        loads(made + _global("torch.nn.modules.activation", "ReLU")[2:] + b"\x85R.", "It")
    with pytest.raises(UntrustedError, match="makes a generator of 'size', which is no BitGenerator"):
        loads(made + _part("size") + b"\x85R.", "It")
    with pytest.raises(ValueError, match="takes from 0 to 1 positional arguments"):
        loads(made + _part("size") + _global("torch.nn.modules.container", "Sequential")[2:] + b"\x86R.", "It")
    named = loads(made + _part("Philox") + b"\x85R.", "It")  # as NumPy 1 has written it
    assert "Philox" in str(getattr(named, "_bit_generator", named))


@pytest.mark.parametrize("begun", [(np.ndarray, (3,)), (np.float32, (0,))])
def test_an_array_begins_as_numpys_does(begun):
    made = _global("numpy._core.multiarray", "_reconstruct")
    with pytest.raises(UntrustedError, match="begins an array as NumPy does not"):
        loads(made + _part(begun) + b"R.", "It")


@pytest.mark.parametrize("pickled", [b"", b"no pickle", pickle.dumps([1, 2])[:-2]])
def test_what_is_no_pickle_is_refused(pickled):
    with pytest.raises(ValueError, match=r"It is no pickle that can be read: \w+"):
        loads(pickled, "It")


def _sampled():
    space = spaces.Dict({"a": spaces.Box(-1, 1, (2,), np.float32), "b": spaces.Discrete(3), "c": spaces.MultiBinary(2)})
    space.seed(1)
    space.sample()
    return space


VALUES = {
    "space": _sampled(),
    "tuple": spaces.Tuple((spaces.MultiDiscrete([2, 3]), spaces.Text(3))),
    "arrays": [np.arange(6.0).reshape(2, 3).T, np.zeros((2, 0)), np.array(["a"])],
    "numbers": [np.float32(1.5), np.int64(3), np.bool_(True)],
    "types": [np.float32, np.ndarray, np.dtype("<i4")],
    "generators": [np.random.default_rng(0), np.random.RandomState(0), np.random.Generator(np.random.Philox(3))],
    "builtins": [{1, 2}, frozenset({3}), bytearray(b"x"), 1j, slice(1, 2), range(3)],
    "collections": [collections.deque([1], maxlen=3), collections.OrderedDict(a=1)],
    "classes": [torch.nn.ReLU, torch.optim.Adam, RolloutBuffer],
    "schedules": [FloatSchedule(ConstantSchedule(0.5))],
    "noise": NormalActionNoise(np.zeros(2), np.ones(2)),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_what_models_are_made_of_is_read_as_python_reads_it(value):
    pickled = pickle.dumps(value)
    assert pickle.dumps(loads(pickled, "It")) == pickle.dumps(pickle.loads(pickled))


def test_a_space_goes_on_sampling_where_it_was():
    space = _sampled()
    read = loads(pickle.dumps(space), "It")
    assert read == space
    assert str(read.sample()) == str(space.sample())


def test_the_traps_of_this_file_would_work():
    # Otherwise the tests above would show nothing.
    assert pickle.loads(_call("builtins", "eval", "40+2")) == 42
    assert pickle.loads(pickle.dumps(CloudpickleWrapper(3))).var == 3
    assert callable(HumanOutputFormat)
    assert pickle.Unpickler(io.BytesIO(b"(" + _global("builtins", "set")[2:] + b"o.")).load() == set()
