"""The tests take only the address of the database from the environment or `.env`.

It is `MIGRATION_DATABASE_URL` if that is set, else `DATABASE_URL`: not that of a pooler.

`.env` may contain the settings of one developer; a test sets what it needs.
"""

import os
import sys

from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings import Settings


class Outside(BaseSettings):
    """What the environment or `.env` contains, even if a service could not start with it."""

    model_config = SettingsConfigDict(env_file=".env", env_parse_none_str="none", extra="ignore")

    environment: str = "development"
    database_url: str | None = None
    migration_database_url: str | None = None


outside = Outside()
if outside.environment == "production":
    sys.exit("Tests and `poe seed` do not run where ENVIRONMENT is production: they fill tables.")
for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
    del os.environ[name]
url = outside.migration_database_url or outside.database_url
if url is not None:
    os.environ["DATABASE_URL"] = url
os.environ["DATABASE_CLIENT_NAME"] = "tests"  # in the server's own views, if the driver sends it
Settings.model_config["env_file"] = None
