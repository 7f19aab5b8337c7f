"""The database, for models, services, scripts and migrations; imports nothing of HTTP."""

from app.database.base import Base, Timestamped
from app.database.bulk import store_rows
from app.database.constraints import ConstraintError, explain
from app.database.ordering import Descending, Ordering, Slice
from app.database.pages import read_page
from app.database.sessions import Database, connected
from app.database.units import UnitsOfWork, WriteSession

__all__ = [
    "Base",
    "ConstraintError",
    "Database",
    "Descending",
    "Ordering",
    "Slice",
    "Timestamped",
    "UnitsOfWork",
    "WriteSession",
    "connected",
    "explain",
    "read_page",
    "store_rows",
]
