"""The tests take only `DATABASE_URL` from the environment or `.env`, and no other setting.

`.env` may contain the settings of one developer; a test sets what it needs.
"""

import os
import sys

from pydantic_settings import BaseSettings, SettingsConfigDict

from app.settings import Settings


class Outside(BaseSettings):
    """What the environment or `.env` contains, even if a service could not start with it."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    environment: str = "development"
    database_url: str | None = None


outside = Outside()
if outside.environment == "production":
    sys.exit("Tests and `poe seed` do not run where ENVIRONMENT is production: they fill tables.")
for name in [name for name in os.environ if name.lower() in Settings.model_fields]:
    del os.environ[name]
if outside.database_url is not None:
    os.environ["DATABASE_URL"] = outside.database_url
Settings.model_config["env_file"] = None
