"""The migrations lead to the models and back."""

from alembic import command
from alembic.config import Config

from app.settings import Settings
from tests.conftest import alembic_config


def test_the_migrations_make_what_the_models_say(settings: Settings) -> None:
    command.check(alembic_config(settings))


def test_the_migrations_can_be_taken_back(settings: Settings) -> None:
    config: Config = alembic_config(settings)
    command.downgrade(config, "base")
    command.upgrade(config, "head")
    command.check(config)
