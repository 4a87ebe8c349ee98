"""The store: one SQLite file of runs, studies, evaluations and artifacts, which knows nothing of learning."""

from sb3_entropy.store.database import Store
from sb3_entropy.store.errors import StoreError, StoreFull
from sb3_entropy.store.exported import export_study, import_study
from sb3_entropy.store.tables.artifacts import Artifact, Artifacts
from sb3_entropy.store.tables.evaluations import Evaluation, Evaluations
from sb3_entropy.store.tables.runs import RunRecord, same_but_clock
from sb3_entropy.store.tables.studies import Counts, Member

__all__ = [
    "Artifact",
    "Artifacts",
    "Counts",
    "Evaluation",
    "Evaluations",
    "Member",
    "RunRecord",
    "Store",
    "StoreError",
    "StoreFull",
    "export_study",
    "import_study",
    "same_but_clock",
]
