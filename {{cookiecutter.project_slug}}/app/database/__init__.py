"""The database, for models, services, scripts and migrations; imports nothing of HTTP."""

from app.database.base import Base, Timestamped
from app.database.bulk import store_rows
from app.database.sessions import Database, connected
from app.database.units import WriteSession

__all__ = ["Base", "Database", "Timestamped", "WriteSession", "connected", "store_rows"]
