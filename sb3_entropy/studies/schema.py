"""The keys of a study's YAML and their types."""

from collections.abc import Iterable
from typing import Any

_TEXT = {"type": "string", "minLength": 1}
_VALUES = {"type": "object"}
_SWEEP = {"type": "object", "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True}}
_COUNT = {"type": "integer", "minimum": 1}
_STEPS = {"type": "number", "minimum": 1, "maximum": 2**53, "multipleOf": 1}
#: run s is seeded with s times this, so that the environments of two runs never share a seed
SEED_STRIDE = 1000
#: NumPy's and Python's generators take seeds below 2³², the last environment's too
LARGEST_SEED = 2**32 // SEED_STRIDE - 1
#: each is played in an environment of its own, all at once
MOST_EPISODES = 10_000
_SELECTION = {
    "oneOf": [
        _TEXT,
        {"type": "object", "required": ["arm"], "properties": {"arm": _TEXT}, "additionalProperties": True},
    ]
}


def _object(required: Iterable[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


_ENVIRONMENT = {
    "oneOf": [
        {"type": "null"},
        _object(
            (),
            env_kwargs=_VALUES,
            hyperparams=_VALUES,
            timesteps=_STEPS,
            score_range={"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        ),
    ]
}
_CONTROL = {
    "description": "an arm, or a number with its source: {value: …, source: …}",
    "oneOf": [
        _TEXT,
        {
            "type": "object",
            "if": {"required": ["value"], "not": {"required": ["arm"]}},
            "then": _object(("value", "source"), value={"type": "number"}, source=_TEXT),
            "else": _SELECTION["oneOf"][1],
        },
    ],
}
_CRITERION = _object(
    ("measure", "treatment", "control", "expect"),
    name=_TEXT,
    measure=_TEXT,
    treatment={"oneOf": [*_SELECTION["oneOf"], {"type": "array", "items": _SELECTION, "minItems": 1}]},
    control=_CONTROL,
    minus=_object(("treatment", "control"), treatment=_SELECTION, control=_SELECTION),
    expect={"enum": ["greater", "less", "not_less", "not_greater", "equivalent", "within"]},
    margin={"type": "number", "minimum": 0},
    share_at_least={"type": "number"},
    share_at_most={"type": "number"},
    statistic={"enum": ["mean", "iqm"]},
    environments={"enum": ["each", "all"]},
    require={"enum": ["all", "any"]},
)
_CHANGE = _object(("why",), why=_TEXT, claim=_TEXT, decision={"type": "array", "items": _CRITERION, "minItems": 1})
_NUMBERS = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "number"}}
_PUBLISHED = {
    "type": "object",
    "properties": {"note": _TEXT},
    # a measure's numbers by arm or, with several environments, an environment's by measure and arm
    "additionalProperties": {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"oneOf": [{"type": "number"}, _NUMBERS]},
    },
}
_FIGURE = {"oneOf": [_TEXT, {"type": "object", "required": ["figure"], "properties": {"figure": _TEXT}}]}

SCHEMA: dict[str, Any] = _object(
    ("claim", "source", "environments", "seeds", "arms", "decision"),
    question=_TEXT,
    claim=_TEXT,
    source=_TEXT,
    remarks=_TEXT,
    finding=_TEXT,
    environments={
        "oneOf": [
            {"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
            {"type": "object", "additionalProperties": _ENVIRONMENT, "minProperties": 1},
        ]
    },
    packages={"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
    vec_env={"enum": ["dummy", "native", "envpool"]},
    timesteps=_STEPS,
    seeds={
        "oneOf": [
            {**_COUNT, "maximum": LARGEST_SEED + 1},
            {
                "type": "array",
                "items": {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
                "minItems": 1,
                "uniqueItems": True,
            },
        ]
    },
    evaluation=_object(
        (),
        points=_COUNT,
        episodes={**_COUNT, "maximum": MOST_EPISODES},
        modes={
            "type": "array",
            "items": {"enum": ["deterministic", "stochastic"]},
            "minItems": 1,
            "uniqueItems": True,
        },
        log={"type": "array", "items": _TEXT, "uniqueItems": True},
    ),
    hyperparams=_VALUES,
    arms={
        "type": "object",
        "minProperties": 1,
        "additionalProperties": _object(("algo",), algo=_TEXT, preset=_TEXT, hyperparams=_VALUES, sweep=_SWEEP),
    },
    sweep=_SWEEP,
    measures={"type": "array", "items": _TEXT, "minItems": 1, "uniqueItems": True},
    decision={"type": "array", "items": _CRITERION, "minItems": 1},
    also={"type": "array", "items": _CRITERION},
    changed={"type": "array", "items": _CHANGE},
    published=_PUBLISHED,
    figures={"type": "array", "items": _FIGURE},
    level={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
)
