"""All tables of the app, from every file named `models.py` below `app/`.

Migrations import this module, not `app.main`, and so find models that no router uses yet.
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
