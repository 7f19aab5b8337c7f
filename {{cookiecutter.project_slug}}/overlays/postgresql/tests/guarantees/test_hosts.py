"""Several hosts in a URL: what is refused, and in which order they are tried."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError
from sqlalchemy import make_url

from app.database import hosts
from app.settings import Settings
from app.settings.url import DEFAULT_URL


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    hosts.last_good.clear()
    yield
    hosts.last_good.clear()


def attempts(kind: str) -> list[tuple[str, hosts.Arguments]]:
    """Return the attempts to connect to a kind of server on three hosts."""
    url = make_url(f"{DEFAULT_URL.drivername}://app@/stock?host=a:1&host=b:2&host=c:3")
    url = url.update_query_dict({"target_session_attrs": kind})
    _, arguments = url.get_dialect()().create_connect_args(url)
    return list(hosts.attempts(dict(arguments)))


def ports(kind: str) -> list[int]:
    """Return the ports in the order in which they are tried."""
    return [int(host["port"]) for _, host in attempts(kind)]


def test_the_last_good_host_is_tried_first() -> None:
    assert ports("read-write") == [1, 2, 3]
    key, second = attempts("read-write")[1]
    hosts.last_good[key] = second
    assert ports("read-write") == [2, 1, 3]
    assert ports("standby") == [1, 2, 3]


def test_a_standby_is_preferred_on_every_host_first() -> None:
    kinds = [host["target_session_attrs"] for _, host in attempts("prefer-standby")]
    assert kinds == ["standby"] * 3 + ["any"] * 3
    assert ports("prefer-standby") == [1, 2, 3, 1, 2, 3]


def test_hosts_that_do_not_fit_their_ports_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{DEFAULT_URL.drivername}://app@/stock?host=a:1&host=b:2&port=5"
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(ValidationError, match="cannot be used"):
        Settings()
