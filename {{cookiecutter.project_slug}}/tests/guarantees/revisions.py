"""A revision that a test adds to those of the project."""

import os
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData

from app.settings import Settings
from tests.conftest import alembic_config

REVISION = """
from alembic import op

revision = "of_a_test"
down_revision = {head!r}
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute({upgrade!r})


def downgrade() -> None:
    op.execute({downgrade!r})
"""


def config_with_revision(
    settings: Settings, folder: Path, upgrade: str, downgrade: str = "SELECT 1"
) -> Config:
    """Write the revision into a folder, and return a configuration whose head it is."""
    config = config_with_folder(settings, folder)
    head = ScriptDirectory.from_config(config).get_current_head()
    text = REVISION.format(head=head, upgrade=upgrade, downgrade=downgrade)
    (folder / "of_a_test.py").write_text(text)
    return config


def config_with_folder(
    settings: Settings, folder: Path, metadata: MetaData | None = None
) -> Config:
    """Return a configuration with the revisions of one more folder, for `metadata` if given."""
    config = alembic_config(settings)
    if metadata is not None:
        config.attributes["metadata"] = metadata
    config.set_main_option("path_separator", "os")
    config.set_main_option(
        "version_locations", os.pathsep.join(["migrations/versions", str(folder)])
    )
    return config
