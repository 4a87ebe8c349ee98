"""These tests kill processes, not computers: what the operating system has is as good as on the disk."""

import sqlite3
from typing import Any

import pytest

from sb3_entropy.store import opening


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = opening._connect

    def connect_without_fsync(*arguments: Any) -> sqlite3.Connection:
        connection = connect(*arguments)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    monkeypatch.setattr(opening, "_connect", connect_without_fsync)
