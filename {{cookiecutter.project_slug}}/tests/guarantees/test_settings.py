"""Settings are valid, or refused with one sentence."""

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import Dialect

from app.settings import Settings
from app.settings.url import DEFAULT_URL
from app.settings.url_parameters import CHOICES, NUMBERS


def test_a_url_keeps_every_character_of_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    url = DEFAULT_URL.set(username="me@here", password="p@ss:/w%rd#1", database="a b")
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    assert Settings().database_url == url


@pytest.mark.parametrize("url", ["", "no url", "oracle://host/name", DEFAULT_URL.drivername])
def test_an_invalid_url_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ValidationError, match="is not"):
        Settings()


def test_whitespace_around_a_url_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    url = DEFAULT_URL.render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", f" {url}\n")
    assert Settings().database_url == DEFAULT_URL


@pytest.mark.parametrize("name", ["no_such_thing", "password"])
def test_an_unknown_url_parameter_is_refused_by_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = DEFAULT_URL.update_query_dict({name: "hunter2"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    with pytest.raises(ValidationError, match=f"{name}.*allowed are") as refused:
        Settings()
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_a_numeric_url_parameter_must_be_a_number(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = DEFAULT_URL.update_query_dict({name: "five"})
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    with pytest.raises(ValidationError, match=f"{name}=five, which is not a whole number"):
        Settings()


def test_a_url_parameter_must_be_one_of_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, words in CHOICES.items():
        for word in (*words, "sometimes"):
            url = DEFAULT_URL.update_query_dict({name: word})
            monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
            if word in words:
                assert Settings().database_url == url
                continue
            with pytest.raises(ValidationError, match=f"{name}=sometimes: allowed are"):
                Settings()


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_cls: type[Dialect]) -> None:
        raise ImportError("No module named 'driver'")

    monkeypatch.setattr(DEFAULT_URL.get_dialect(), "import_dbapi", classmethod(missing))
    monkeypatch.setenv("DATABASE_URL", DEFAULT_URL.render_as_string(hide_password=False))
    with pytest.raises(ValidationError, match="cannot be imported: No module named 'driver'"):
        Settings()


def test_env_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).parents[2] / ".env.example"
    for line in example.read_text(encoding="utf-8").splitlines()[1:]:
        name, _, value = line.removeprefix("# ").partition("=")
        monkeypatch.setenv(name, value)
    shown = Settings()
    for name, field in Settings.model_fields.items():
        assert getattr(shown, name) == field.default, name


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "api.example.com, *.example.org")
    assert Settings().allowed_hosts == ["api.example.com", "*.example.org"]


def test_production_refuses_database_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_ECHO", "true")
    assert Settings().database_echo
    monkeypatch.setenv("ENVIRONMENT", "production")
    with pytest.raises(ValidationError, match="do not set it in production"):
        Settings()
