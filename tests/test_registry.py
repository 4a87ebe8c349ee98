"""What can be named, here and in installed packages: sb3_entropy.registry."""

import importlib
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from sb3_entropy import registry
from sb3_entropy.registry import DIVERGENCES, REFERENCES, REGISTRIES, Registry

Install = Callable[..., None]

SHAPES = {
    "shapes/__init__.py": """
        from sb3_entropy.registry import DIVERGENCES, REFERENCES, REGISTRIES, Registry
        SHAPES = Registry("shape", "shapes", "test.shapes")
        """,
    "shapes/circle.py": """
        from shapes import SHAPES

        @SHAPES.register("circle")
        class Circle: ...
        """,
    "shapes/square.py": """
        from shapes import SHAPES

        @SHAPES.register("square")
        class Square: ...
        """,
}


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """Each test leaves the modules as they were."""
    modules = set(sys.modules)
    yield
    new = set(sys.modules) - modules
    for name in {name for name in new if name.partition(".")[0] in ("shapes", "third")}:
        del sys.modules[name]


def only(monkeypatch: pytest.MonkeyPatch, *entry_points: EntryPoint) -> None:
    """Have no entry points but these."""
    monkeypatch.setattr(registry, "entry_points", lambda group: [e for e in entry_points if e.group == group])


def test_ours_are_found_by_looking_into_their_package_when_first_asked(install: Install) -> None:
    install(SHAPES)
    shapes = importlib.import_module("shapes").SHAPES
    assert "shapes.circle" not in sys.modules
    assert shapes.keys() == ["circle", "square"]
    assert shapes.get("circle") is sys.modules["shapes.circle"].Circle
    assert list(shapes.items()) == [("circle", shapes.get("circle")), ("square", shapes.get("square"))]


def test_a_third_partys_is_found_by_its_entry_point(install: Install) -> None:
    install(SHAPES | {"third.py": "class Star: ..."}, "[test.shapes]\nstar = third:Star\n")
    shapes = importlib.import_module("shapes").SHAPES
    assert shapes.keys() == ["circle", "square", "star"]
    assert shapes.get("star") is sys.modules["third"].Star


def test_register_returns_the_thing_itself() -> None:
    things: Registry[Any] = Registry("shape", "shapes", "test.shapes")

    class Thing: ...

    assert things.register("thing")(Thing) is Thing


def test_an_unknown_name_is_answered_with_those_that_there_are(install: Install) -> None:
    install(SHAPES)
    shapes = importlib.import_module("shapes").SHAPES
    with pytest.raises(
        ValueError, match=r"^Unknown shape 'circl'\. Available: circle, square\. Did you mean 'circle'\?$"
    ):
        shapes.get("circl")


def test_a_name_is_given_once(install: Install) -> None:
    install(SHAPES)
    shapes = importlib.import_module("shapes").SHAPES
    shapes.keys()
    with pytest.raises(
        ValueError, match=r"shape 'circle' is already registered: .*shapes\.circle\.Circle.*another name"
    ):
        shapes.register("circle")(type("Other", (), {}))
    # The same class again, as after a reload of its module, is no conflict.
    importlib.reload(sys.modules["shapes.circle"])
    assert shapes.get("circle") is sys.modules["shapes.circle"].Circle


def test_a_third_party_cannot_take_our_name(install: Install) -> None:
    install(SHAPES | {"third.py": "class Star: ..."}, "[test.shapes]\ncircle = third:Star\n")
    shapes = importlib.import_module("shapes").SHAPES
    with pytest.warns(UserWarning, match=r"shape plugin 'circle' \(third:Star, of third 1\.2\).*already registered"):
        assert shapes.keys() == ["circle", "square"]
    assert shapes.get("circle") is sys.modules["shapes.circle"].Circle


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("class Other: ...", "AttributeError: module 'third' has no attribute 'Star'"),
        ("class Star(", "SyntaxError"),
    ],
)
def test_a_broken_plugin_is_reported_by_name_and_the_rest_goes_on(install: Install, source: str, error: str) -> None:
    install(
        SHAPES | {"third.py": source, "fourth.py": "class Ring: ..."},
        "[test.shapes]\nring = fourth:Ring\nstar = third:Star\n",
    )
    shapes = importlib.import_module("shapes").SHAPES
    with pytest.warns(UserWarning, match="shape plugin 'star'") as warned:
        assert shapes.keys() == ["circle", "ring", "square"]
    message = str(warned[0].message)
    assert message.startswith(f"The shape plugin 'star' (third:Star, of third 1.2) could not be loaded: {error}"), (
        message
    )
    assert message.endswith("Mend or uninstall third 1.2; everything else goes on without it.")
    with pytest.raises(ValueError, match=r"^The shape plugin 'star' \(third:Star, of third 1\.2\) could not be loaded"):
        shapes.get("star")


def test_an_entry_point_without_a_distribution_is_reported_too(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(SHAPES)
    only(monkeypatch, EntryPoint("star", "nowhere:Star", "test.shapes"))
    shapes = importlib.import_module("shapes").SHAPES
    with pytest.warns(UserWarning, match=r"'star' \(nowhere:Star, of an installed package\).*uninstall an installed"):
        assert "star" not in shapes.keys()  # noqa: SIM118  (a Registry is no dict)


# Environments


# Made from a name and options


class Polygon:
    """With a registry of its own below."""

    def __init__(self, corners: int, *, size: float = 1.0):
        self.corners, self.size = corners, size


class Free(Polygon):
    def __init__(self, **options: Any):
        super().__init__(0)
        self.options = options


@pytest.fixture
def polygons(monkeypatch: pytest.MonkeyPatch) -> "Registry[Any]":
    made: Registry[Any] = Registry("polygon", "shapes", "test.polygons", base=f"{__name__}:Polygon")
    monkeypatch.setattr(made, "_searched", True)
    made.register("regular")(Polygon)
    made.register("free")(Free)
    return made


def test_a_name_a_mapping_and_an_object_make_the_same(polygons: Registry[Any]) -> None:
    for made in (
        polygons.make("regular", corners=3, size=2.0),
        polygons.make({"polygon": "regular", "corners": 3}, size=2.0),
        polygons.make({"polygon": "regular", "corners": 4, "size": 2.0}, corners=3),
    ):
        assert (type(made), made.corners, made.size) == (Polygon, 3, 2.0)
        assert polygons.make(made) is made
    assert polygons.make("free", colour="red").options == {"colour": "red"}
    assert polygons.key_of(polygons.make("free")) == "free"
    assert polygons.key_of(3) == "int"


@pytest.mark.parametrize(
    ("spec", "options", "kind", "message"),
    [
        ("regualr", {}, ValueError, "Unknown polygon 'regualr'. Available: free, regular. Did you mean 'regular'?"),
        (
            "regular",
            {"corners": 3, "sise": 1},
            ValueError,
            "Unknown option of polygon='regular' 'sise'. Available: corners, size. Did you mean 'size'?",
        ),
        ("regular", {"size": 1}, ValueError, "polygon='regular' needs the option 'corners'. Add it: corners=…"),
        (
            {"corners": 3},
            {},
            ValueError,
            "A polygon as a mapping has its name under 'polygon': {'polygon': name, option: value}, but "
            "{'corners': 3} was given.",
        ),
        (
            {"polygon": "regular", "corners": 3},
            {"polygon": "free"},
            ValueError,
            "The name of a polygon is given once, but 'regular' and 'free' were given. Leave 'polygon' out of the "
            "options.",
        ),
        (
            3,
            {},
            TypeError,
            "A polygon is given by its name, by a mapping {'polygon': name, option: value} or as an object, but 3 "
            "(int) was given. Available: free, regular.",
        ),
        (
            Polygon(3),
            {"size": 2},
            ValueError,
            "The polygon Polygon is made already and takes no options, but size was given. Give them to its "
            "constructor.",
        ),
    ],
)
def test_what_cannot_be_made(
    polygons: Registry[Any], spec: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as error:
        polygons.make(spec, **options)
    assert str(error.value) == message


def test_what_the_maker_gives_is_no_option(polygons: Registry[Any]) -> None:
    assert list(polygons.options_of("regular", supplied=("corners",))) == ["size"]
    polygons.check_options("regular", {"size": 1}, supplied=("corners",))
    with pytest.raises(ValueError, match=r"Unknown option of polygon='regular' 'corners'. Available: size"):
        polygons.check_options("regular", {"corners": 1}, supplied=("corners",))


def test_every_kind_is_declared_once_and_knows_what_is_made_already() -> None:
    kinds = [things.kind for things in REGISTRIES]
    assert len(set(kinds)) == len(kinds) == len({things.group for things in REGISTRIES})
    for things in (DIVERGENCES, REFERENCES):
        made = things.make(things.keys()[-1])
        assert things.make(made) is made
