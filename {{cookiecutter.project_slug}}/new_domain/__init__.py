"""Writes a new domain: models, schemas, service, router, tests, factory and revision.

`uv run poe new-domain --help` says how. `templates/` has what it writes: change it there. The
service does not need this folder: delete it, and the task in `pyproject.toml`, if nobody uses it.
"""
