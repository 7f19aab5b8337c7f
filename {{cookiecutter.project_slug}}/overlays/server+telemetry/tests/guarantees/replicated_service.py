"""A service whose database is its own replica, for the tests of telemetry."""

from app.settings import Settings
from tests.guarantees.products import create_app

app = create_app(Settings(database_replica_url=Settings().database_url))
