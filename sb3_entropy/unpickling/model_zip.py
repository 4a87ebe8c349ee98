"""
The zip of a model of Stable-Baselines3. Its ``data`` is JSON, in which what has no JSON is a pickle in base 64; its
parameters are PyTorch's, which Stable-Baselines3 reads with ``weights_only``.
"""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import cloudpickle

from sb3_entropy.unpickling.unpickler import UntrustedError, loads

_PICKLE = ":serialized:"


def checked_copy(file: Path | io.BytesIO, name: str, wanted: Callable[[str], bool] | None = None) -> io.BytesIO:
    """
    :param file: the zip of a model
    :param name: what it is called in messages
    :param wanted: whether a field is to be read, by its name; the others are None in the copy. All are if this is None
    :return: the same, in which every pickle was made here, of what was read through the allow-list: to load it runs
        nothing that is in the file
    :raises UntrustedError: if a field holds what is not allowed
    :raises ValueError: if the file cannot be read
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(file) as archive, zipfile.ZipFile(copy, "w") as written:
            for member in dict.fromkeys(archive.namelist()):
                content = archive.read(member)
                written.writestr(member, _checked(content, name, wanted) if member == "data" else content)
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError, EOFError) as error:
        raise ValueError(f"{name} is no saved model that can be read: {error}. It may have been cut short.") from error
    copy.seek(0)
    return copy


def _checked(data: bytes, name: str, wanted: Callable[[str], bool] | None) -> str:
    stored = json.loads(data)
    if stored.get("env") is not None:
        raise UntrustedError(name, "brings an environment in the field 'env'")
    for key, field in stored.items():
        if not (isinstance(field, dict) and _PICKLE in field):
            continue
        if wanted is not None and not wanted(key):
            stored[key] = None
            continue
        where = f"The field {key!r} of {name}"
        value = loads(base64.b64decode(field[_PICKLE]), where)
        try:
            pickled = cloudpickle.dumps(value)
        except Exception as error:
            raise UntrustedError(where, f"cannot be kept: {error}") from error
        stored[key] = {":type:": field.get(":type:", ""), _PICKLE: base64.b64encode(pickled).decode()}
    return json.dumps(stored)
