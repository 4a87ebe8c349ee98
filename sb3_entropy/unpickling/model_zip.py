"""
The zip of a model of Stable-Baselines3. Its ``data`` is JSON, in which what has no JSON is a pickle in base 64; its
parameters are PyTorch's, which Stable-Baselines3 reads with ``weights_only``.
"""

import base64
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import torch as th
from stable_baselines3.common.base_class import BaseAlgorithm

from sb3_entropy.unpickling.unpickler import UntrustedError, loads

#: under which Stable-Baselines3 keeps the pickle of a field
PICKLE = ":serialized:"


def checked_copy(
    file: Path | io.BytesIO,
    name: str,
    wanted: Callable[[str], bool] | None = None,
    algorithm: type[BaseAlgorithm] = BaseAlgorithm,
) -> io.BytesIO:
    """
    :param file: the zip of a model
    :param name: what it is called in messages
    :param wanted: whether a field is to be read, by its name; the others are None in the copy. All are if this is None
    :param algorithm: the class whose attributes the fields become
    :return: the same, in which every pickle was made here, of what was read through the allow-list: to load it runs
        nothing that is in the file
    :raises UntrustedError: if a field holds what is not allowed, or the parameters are more than tensors
    :raises ValueError: if the file cannot be read
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(file) as archive, zipfile.ZipFile(copy, "w") as written:
            for member in dict.fromkeys(archive.namelist()):
                content = archive.read(member)
                if member == "data":
                    content = _checked(json.loads(content), name, wanted, algorithm).encode()
                elif member.endswith(".pth"):
                    _check_parameters(content, f"{member} in {name}")
                written.writestr(member, content)
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError, EOFError) as error:
        raise ValueError(f"{name} is no saved model that can be read: {error}. It may have been cut short.") from error
    copy.seek(0)
    return copy


def _checked(stored: Any, name: str, wanted: Callable[[str], bool] | None, algorithm: type[BaseAlgorithm]) -> str:
    if not isinstance(stored, dict):
        raise ValueError(f"{name} is no saved model that can be read: its data must be a mapping, but is {stored!r}.")
    if stored.get("env") is not None:
        raise UntrustedError(name, "brings an environment in the field 'env'")
    for key, field in stored.items():
        if callable(getattr(algorithm, key, None)):
            raise UntrustedError(name, f"puts the field {key!r} in the place of a method of {algorithm.__name__}")
        if not (isinstance(field, dict) and PICKLE in field):
            continue
        if wanted is not None and not wanted(key):
            stored[key] = None
            continue
        where = f"The field {key!r} of {name}"
        try:
            pickled = base64.b64decode(field[PICKLE])
        except (TypeError, ValueError) as error:
            raise ValueError(f"{where} is no pickle in base 64 that can be read: {error}.") from error
        stored[key] = {":type:": field.get(":type:", ""), PICKLE: _pickled_here(pickled, where)}
    return json.dumps(stored)


def _pickled_here(pickled: bytes, where: str) -> str:
    value = loads(pickled, where)
    try:
        again = cloudpickle.dumps(value)
    except Exception as error:
        raise UntrustedError(where, f"cannot be kept: {error}") from error
    loads(again, where)  # what was read may have said itself how it is pickled
    return base64.b64encode(again).decode()


def _check_parameters(content: bytes, where: str) -> None:
    try:
        th.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UntrustedError(where, "holds something else than tensors by name") from error
    except Exception as error:
        raise ValueError(f"{where} holds no parameters that can be read: {type(error).__name__}: {error}.") from error
