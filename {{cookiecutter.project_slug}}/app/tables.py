"""Every table of the app: whatever a file named `models.py` below `app/` defines.

What compares models with the database imports this, not `app.main`, so that it also knows a
model that no router uses yet.
"""

from importlib import import_module
from pathlib import Path

from app.database import Base

APP = Path(__file__).parent
MODULES = [
    ".".join([APP.name, *file.relative_to(APP).with_suffix("").parts])
    for file in sorted(APP.rglob("models.py"))
]

for module in MODULES:
    import_module(module)

metadata = Base.metadata
