"""The store of runs: one SQLite file, knowing nothing of studies or learning."""

from sb3_entropy.store.database import Store
from sb3_entropy.store.errors import StoreError, StoreFull
from sb3_entropy.store.exporting import export_study
from sb3_entropy.store.importing import import_study
from sb3_entropy.store.records import Counts, Member, RunRecord, same_but_clock

__all__ = [
    "Counts",
    "Member",
    "RunRecord",
    "Store",
    "StoreError",
    "StoreFull",
    "export_study",
    "import_study",
    "same_but_clock",
]
