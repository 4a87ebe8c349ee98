"""``args.yml`` and ``config.yml`` as data."""

import sys
from collections import OrderedDict

import gymnasium as gym
import pytest
import yaml
from gymnasium.envs.registration import EnvSpec
from rl_zoo3.utils import get_wrapper_class
from stable_baselines3.common.vec_env import VecTransposeImage

from sb3_entropy import environments
from sb3_entropy.unpickling.unpickler import UntrustedError
from sb3_entropy.zoo.settings import import_recorded, read_arguments, read_hyperparams, read_yaml


@pytest.fixture
def write(tmp_path):
    """Writes values into a YAML of that folder, as rl-zoo does."""

    def write(name, **values):
        (tmp_path / name).write_text(yaml.dump(OrderedDict(sorted(values.items()))))
        return tmp_path

    return write


def test_what_rl_zoo_writes_is_read(write):
    values = {"a": (1, (2.0, None)), "b": OrderedDict(c=[True, "d"]), "e": {"f": OrderedDict()}, "g": "lin_0.1"}
    file = write("config.yml", **values) / "config.yml"
    assert read_yaml(file) == read_yaml(file, trust=True) == values
    assert isinstance(read_yaml(file)["a"][1], tuple)
    assert isinstance(read_yaml(file)["b"], OrderedDict)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!python/object/apply:os.system ['touch written']", "python/object/apply:os.system"),
        ("a: !!python/object/new:os.system ['touch written']", "python/object/new:os.system"),
        ("a: !!python/object:subprocess.Popen {}", "python/object:subprocess.Popen"),
        ("a: !!python/name:os.system ''", "python/name:os.system"),
        ("a: !!python/module:os ''", "python/module:os"),
        ("a: !!python/object/apply:collections.deque [[1]]", "python/object/apply:collections.deque"),
        (
            "a: !!python/object/apply:collections.OrderedDict {args: [], state: {x: 1}}",
            "python/object/apply:collections.O",
        ),
        ("a: !!python/object/apply:collections.OrderedDict [[], []]", "python/object/apply:collections.OrderedDict"),
        ("a: !mine x", "!mine"),
    ],
)
def test_other_tags_are_refused_with_their_line(tmp_path, monkeypatch, text, tag):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "args.yml"
    file.write_text(f"b: 1\n{text}\n")
    with pytest.raises(UntrustedError) as refusal:
        read_yaml(file)
    assert f"Line 2 of {file} has the tag " in str(refusal.value)
    assert tag in str(refusal.value)
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize(("text", "message"), [("a: [", "is no YAML that can be read"), ("3", "must hold a mapping")])
def test_what_is_no_mapping_is_refused(tmp_path, text, message):
    file = tmp_path / "args.yml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_yaml(file)


def _names(wrap):
    env = wrap(gym.make("Pendulum-v1"))
    return str(env)


@pytest.mark.parametrize(
    ("given", "classes"),
    [
        ("gymnasium.wrappers.FlattenObservation", ["FlattenObservation"]),
        ({"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 3}}, ["TimeLimit"]),
        (
            ["rl_zoo3.wrappers.MaskVelocityWrapper", {"gymnasium.wrappers.TimeLimit": {"max_episode_steps": 3}}],
            ["MaskVelocityWrapper", "TimeLimit"],
        ),
    ],
)
def test_known_wrappers_wrap_as_they_are_named(write, given, classes):
    settings = write("config.yml", env_wrapper=given)
    read = read_hyperparams(settings)
    named = [next(iter(entry)).__name__ for entry in read["env_wrapper"]]
    assert [name.removeprefix("Patched") for name in named] == classes  # rl_zoo3 puts its own in the place of TimeLimit
    trusted = read_hyperparams(settings, trust=True)
    assert trusted["env_wrapper"] == given
    assert _names(get_wrapper_class(read)) == _names(get_wrapper_class(trusted))


@pytest.mark.parametrize(
    "given",
    [
        "os.system",
        "subprocess.Popen",
        "builtins.eval",
        "yaml.unsafe_load",
        "somebody.wrappers.Theirs",
        "gymnasium.wrappers.RecordVideo",
        {"gymnasium.wrappers.rendering.RecordVideo": {"video_folder": "written"}},
        {"stable_baselines3.common.monitor.Monitor": {"filename": "written"}},
        "stable_baselines3.common.save_util.load_from_pkl",
        ["gymnasium.wrappers.FlattenObservation", "os.system"],
        [{"gymnasium.wrappers.TimeLimit": 3}],
        [3],
    ],
    ids=str,
)
def test_other_wrappers_are_refused(write, given):
    with pytest.raises(UntrustedError, match=r"config\.yml has the env_wrapper .*, which is not among those"):
        read_hyperparams(write("config.yml", env_wrapper=given))
    assert "somebody" not in sys.modules


def test_wrappers_of_batches(write):
    path = "stable_baselines3.common.vec_env.VecTransposeImage"
    assert read_hyperparams(write("config.yml", vec_env_wrapper=path))["vec_env_wrapper"] == [{VecTransposeImage: {}}]
    for path in ("stable_baselines3.common.vec_env.VecVideoRecorder", "stable_baselines3.common.vec_env.VecMonitor"):
        with pytest.raises(UntrustedError, match="has the vec_env_wrapper"):
            read_hyperparams(write("config.yml", vec_env_wrapper=path))


class Mine(gym.Wrapper):
    """Of a module that is imported."""


def test_a_wrapper_of_a_package_that_is_named_is_known(write, monkeypatch):
    monkeypatch.setattr(environments, "_named", set())
    settings = write("config.yml", env_wrapper=f"{__name__}.Mine")
    with pytest.raises(UntrustedError, match="has the env_wrapper"):
        read_hyperparams(settings)
    environments.import_packages([__name__])
    assert read_hyperparams(settings)["env_wrapper"] == [{Mine: {}}]


@pytest.mark.parametrize(
    ("text", "value"), [("dict(a=1, b=[2.0])", {"a": 1, "b": [2.0]}), ("{'a': 'b'}", {"a": "b"}), ("dict()", {})]
)
def test_texts_are_literals(write, text, value):
    assert read_hyperparams(write("config.yml", env_kwargs=text))["env_kwargs"] == value


@pytest.mark.parametrize(
    "text", ["dict(a=open('written', 'w'))", "open('written', 'w')", "[1]", "dict([1])", "a b", "f()"]
)
def test_texts_are_not_evaluated(write, tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UntrustedError, match="has a text to be evaluated for env_kwargs"):
        read_hyperparams(write("config.yml", env_kwargs=text))
    assert not (tmp_path / "written").exists()


def test_without_a_config_normalisation_shows_by_its_file(tmp_path):
    assert read_hyperparams(tmp_path) == {"normalize": False}
    (tmp_path / "obs_rms.pkl").touch()
    assert read_hyperparams(tmp_path) == {"normalize": True}


def test_packages_are_imported_by_who_asks(write, tmp_path, monkeypatch):
    (tmp_path / "somebody.py").write_text("open('written', 'w').close()")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    settings = write("args.yml", env="My-v0", gym_packages=["somebody"])
    arguments = read_arguments(settings)
    with pytest.raises(UntrustedError, match=r"the package 'somebody', which you have not named \(--gym-packages some"):
        import_recorded(settings, arguments)
    with pytest.raises(UntrustedError, match="the package 'somebody'"):
        read_arguments(write("args.yml", env="somebody:My-v0"))
    assert not (tmp_path / "written").exists()
    import_recorded(settings, arguments, trust=True)
    assert (tmp_path / "written").exists()
    import_recorded(settings, arguments)  # it is known now
    del sys.modules["somebody"]
    environments._named.remove("somebody")


@pytest.mark.parametrize("module", ["os", "subprocess", "pytest", "somebody", 3])
def test_what_is_imported_for_other_reasons_is_not_known(write, module):
    with pytest.raises(UntrustedError, match=f"asks for the package '{module}', which you have not named"):
        read_arguments(write("args.yml", env=f"{module}:X-v0"))
    settings = write("args.yml", env="X-v0", gym_packages=[module])
    with pytest.raises(UntrustedError, match=f"asks for the package {module!r}, which you have not named"):
        import_recorded(settings, read_arguments(settings))


@pytest.mark.parametrize("maker", [f"{__name__}:Mine", Mine])
def test_a_package_whose_environments_are_registered_is_known(write, monkeypatch, maker):
    monkeypatch.setattr(environments, "_named", set())
    assert read_arguments(write("args.yml", env="gymnasium:CartPole-v1"))["env"] == "gymnasium:CartPole-v1"
    settings = write("args.yml", env=f"{__name__}:Mine-v0")
    with pytest.raises(UntrustedError, match="asks for the package"):
        read_arguments(settings)
    monkeypatch.setitem(gym.registry, "Mine-v0", EnvSpec("Mine-v0", entry_point=maker))
    assert read_arguments(settings)["env"] == f"{__name__}:Mine-v0"


@pytest.mark.parametrize("env_id", [None, 3, ["a"]])
def test_arguments_name_an_environment(write, env_id):
    with pytest.raises(ValueError, match=r"args\.yml names no environment"):
        read_arguments(write("args.yml", env=env_id))
