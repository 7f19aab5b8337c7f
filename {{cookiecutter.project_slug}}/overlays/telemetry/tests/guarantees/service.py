"""The service of the tests of telemetry, in a process of its own."""

from app.settings import Settings
from tests.guarantees.products import create_app

app = create_app(Settings())
