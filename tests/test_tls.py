"""TLS to the database, with the URL parameters in the README of each project."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from proxy import counting

from combinations import DATABASES, DRIVERS, Combination
from conftest import everyday, on, own_name, skip_unless_installable
from processes import create_database, run, serving, with_probe
from servers import mariadb_with_tls, mysql_with_tls, postgresql_with_tls

ON_SERVERS = [it for it in DRIVERS if it.database != "sqlite"]
DATABASE = "my_api_tls"
KEEPERS = {
    "postgresql": postgresql_with_tls,
    "mysql": mysql_with_tls,
    "mariadb": mariadb_with_tls,
}
# Queries that return whether their connection uses TLS.
ENCRYPTED = {
    "postgresql": "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    "mysql": "SELECT variable_value <> '' FROM performance_schema.session_status"
    " WHERE variable_name = 'Ssl_cipher'",
    "mariadb": "SELECT variable_value <> '' FROM information_schema.session_status"
    " WHERE variable_name = 'Ssl_cipher'",
}


def tls_url(combination: Combination, address: str, authority: Path) -> str:
    """Add the TLS parameters of the README to a URL."""
    row = DATABASES[combination.database]
    tls = row[combination.session][combination.driver]["tls"].format(authority)
    scheme = f"{combination.database}+{combination.driver}"
    url = on(f"{scheme}:{address.partition('?')[0]}", own_name(DATABASE))
    return f"{url}{row['address'].partition('{}')[2]}{tls}"


@pytest.mark.parametrize("tried", everyday(ON_SERVERS, "asyncpg", "mysql+aiomysql"), ids=str)
def test_tls_accepts_only_the_server_that_the_authority_certifies(
    tried: Combination,
    projects: dict[Combination, Path],
    environment: Path,
    database_url: Callable[[Combination, str], str],
    tmp_path: Path,
) -> None:
    skip_unless_installable(tried)
    ours, others = tmp_path / "ours.pem", tmp_path / "others.pem"
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ours)
    trustme.CA().cert_pem.write_to_path(others)
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    plain = database_url(tried, DATABASE)
    _, _, bare = plain.partition(":")
    with KEEPERS[tried.database](certificate, key) as address, counting(bare) as (_, in_plain):
        project = tmp_path / "my-api"
        url = tls_url(tried, address, ours)
        with_probe(projects[tried], project, environment, url)
        create_database(project, environment, plain)
        with serving(project, environment, url, entrypoint="probe:app") as client:
            assert client.get("/health/ready").status_code == 200
            assert client.get("/probe/ask", params={"question": ENCRYPTED[tried.database]}).json()
        refused = {
            "signed by another": tls_url(tried, address, others),
            "named differently": tls_url(tried, address.replace("127.0.0.1", "127.0.0.2"), ours),
            "without TLS": tls_url(tried, in_plain, ours),
            "of a file that is not there": tls_url(tried, address, tmp_path / "nothing.pem"),
        }
        for why, url in refused.items():
            with serving(project, environment, url) as client:
                assert client.get("/health/ready").status_code == 503, why
                assert client.get("/items").status_code == 503, why
                assert client.get("/health/live").status_code == 200, why
        url = refused["signed by another"]
        migrated = run(
            environment / "alembic", "upgrade", "head",
            cwd=project, check=False, DATABASE_URL=url,
        )  # fmt: skip
        assert migrated.returncode != 0
        assert "certificate" in migrated.stdout
