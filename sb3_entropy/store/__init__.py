"""The store of runs: one SQLite file, knowing nothing of studies or learning."""

from sb3_entropy.store.database import Store
from sb3_entropy.store.errors import StoreError, StoreFull
from sb3_entropy.store.exported import export_study, import_study
from sb3_entropy.store.tables.runs import RunRecord, same_but_clock
from sb3_entropy.store.tables.studies import Counts, Member

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
