"""A column type for text that is stored encrypted."""

import os

from cryptography.fernet import Fernet
from sqlalchemy import Dialect, String, TypeDecorator

KEY_OF_DEVELOPMENT = "ZGV2ZWxvcG1lbnQgb25seSwgMzIgYnl0ZXMgbG9uZyE="


class Encrypted(TypeDecorator[str]):
    """A short text, encrypted with `ENCRYPTION_KEY`."""

    impl = String(300)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else fernet().encrypt(value.encode()).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else fernet().decrypt(value).decode()


def fernet() -> Fernet:
    return Fernet(os.environ.get("ENCRYPTION_KEY", KEY_OF_DEVELOPMENT))
