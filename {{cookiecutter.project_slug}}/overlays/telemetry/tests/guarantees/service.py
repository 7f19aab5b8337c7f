"""The service for the tests of telemetry, run in its own process."""

from app.settings import Settings
from tests.guarantees.products import create_app

app = create_app(Settings())
