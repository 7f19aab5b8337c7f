"""Migrations handle the schemas that models name, and ignore all others."""

from pathlib import Path

import pytest
from alembic import command
from alembic.util import CommandError
from sqlalchemy import ARRAY, Column, Enum, Integer, MetaData, Table

from app.database import Base
from app.settings import Settings
from tests.guarantees.revisions import config_with_folder, config_with_revision


def with_table(schema: str, *kinds: str) -> MetaData:
    """Return the tables of the project and one more, whose Enum type is in its schema."""
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.tables.values():
        table.to_metadata(metadata)
    kind = Enum("it's", *kinds, name="kind_of_a_test", schema=schema)
    Table(
        "items_of_a_test",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("kind", kind),
        Column("kinds", ARRAY(kind), server_default="{}"),
        schema=schema,
    )
    return metadata


def test_a_schema_and_its_enum_are_created_and_dropped_with_their_models(
    own_settings: Settings, tmp_path: Path
) -> None:
    schema = "Stock of a test"
    for metadata in (with_table(schema, "a:b"), with_table(schema), Base.metadata):
        config = config_with_folder(own_settings, tmp_path, metadata)
        command.revision(config, "of a test", autogenerate=True, version_path=str(tmp_path))
        command.upgrade(config, "head")
        command.check(config)
        command.downgrade(config, "-1")
        command.upgrade(config, "head")
        command.check(config)


def test_the_default_schema_is_not_named(own_settings: Settings, tmp_path: Path) -> None:
    config = config_with_folder(own_settings, tmp_path, with_table("public"))
    with pytest.raises(CommandError, match="remove it from the model"):
        command.check(config)


def test_schemas_that_no_model_names_are_ignored(own_settings: Settings, tmp_path: Path) -> None:
    config = config_with_revision(
        own_settings,
        tmp_path,
        # Split, or it would count as a CREATE SCHEMA of a revision, and so of the project.
        "DO $$ BEGIN EXECUTE 'CREATE ' || 'SCHEMA others_of_a_test';"
        " CREATE TABLE others_of_a_test.items (id INTEGER); END $$",
        "DROP SCHEMA others_of_a_test CASCADE",
    )
    command.upgrade(config, "head")
    command.check(config)
