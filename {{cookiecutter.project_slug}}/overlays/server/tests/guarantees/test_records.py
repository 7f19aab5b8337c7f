"""A test run drops only the databases that it created."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from app.settings import Settings
from tests import database, records
from tests.database import scratch_database
from tests.records import describe_leftovers, leftovers, own_name, recorded

URL_OF_TESTS = Settings().database_url


@pytest.mark.parametrize("name", ["api", "a" * 63, "ä" * 31])
def test_every_database_has_a_unique_name_that_is_short_enough(name: str) -> None:
    names = {own_name(URL_OF_TESTS.set(database=name)) for _ in range(10)}
    assert len(names) == 10
    for own in names:
        assert own.startswith(name[:20])
        assert len(own.encode()) <= 63
        assert len(own_name(URL_OF_TESTS.set(database=own))) == len(own)


def test_an_existing_database_is_not_used_for_the_tests(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "own_name", lambda url: url.database)
    with pytest.raises(pytest.exit.Exception, match="is there already"):  # noqa: SIM117
        with scratch_database(settings.database_url):
            pass


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> URL:
    """A URL whose records are in a temporary folder of the test."""
    monkeypatch.setattr(records, "FOLDER", tmp_path / "records")
    url = URL_OF_TESTS.set(database=own_name(URL_OF_TESTS), password="hunter2")
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    return url


def test_a_dropped_database_leaves_no_record(url: URL) -> None:
    assert describe_leftovers() == []
    with recorded(url):
        assert len([*records.FOLDER.iterdir()]) == 1
        assert leftovers() == {}
    assert [*records.FOLDER.iterdir()] == []


def test_a_database_that_was_not_dropped_is_named_with_the_command(url: URL) -> None:
    with pytest.raises(KeyboardInterrupt), recorded(url):
        raise KeyboardInterrupt
    (record,) = leftovers()
    (line,) = describe_leftovers()
    assert str(url.database) in line
    assert "uv run poe drop-test-databases" in line
    assert b"hunter2" not in record.read_bytes()


def test_an_error_leaves_no_record(url: URL) -> None:
    with pytest.raises(ValueError, match="a bug"), recorded(url):
        raise ValueError("a bug")
    assert [*records.FOLDER.iterdir()] == []


def test_a_database_on_a_server_of_the_run_needs_no_record(url: URL) -> None:
    with recorded(url.set(port=1)):
        assert not records.FOLDER.exists()
