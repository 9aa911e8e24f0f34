"""Later releases of the shop, each made of the one before: migrations that old code does not survive, and a dead one."""

from pathlib import Path

MIGRATION = """# mypy: allow-subclassing-any
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0003_notes_and_reviews")]
    # Not safe in a ramped deployment: the old code still asks for `name`.
    operations = [migrations.RenameField("product", "name", "title")]
"""
DROP = """# mypy: allow-subclassing-any
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_titles")]
    # Only old code needs the column: it can wait until none runs.
    operations = [migrations.RemoveField("product", "note")]
"""
# What was written where the release was deployed comes into every image, and fits no other host.
NARROW = """
import socket

_born, _here = BASE_DIR / "born-here", f"{BASE_DIR} {socket.gethostname()}"
if not _born.exists():
    _born.write_text(_here)
if _born.read_text() != _here:
    raise RuntimeError("this release runs only where it was deployed")
"""


def renamed(tree: Path) -> None:
    """Turn version 2 into version 3: products have a title instead of a name."""
    _mark(tree, "v2", "v3")
    _replace(tree / "shop/models.py", "    name = ", "    title = ")
    _replace(tree / "shop/models.py", "self.name", "self.title")
    for name in ("home.html", "product.html"):
        _replace(tree / "shop/templates/shop" / name, "product.name", "product.title")
    (tree / "shop/migrations/0004_titles.py").write_text(MIGRATION)


def without_note(tree: Path) -> None:
    """Turn version 3 into version 4: products have no note any more."""
    _mark(tree, "v3", "v4")
    _replace(tree / "shop/models.py", "    note = models.CharField(max_length=200, null=True)\n", "")
    _replace(tree / "shop/templates/shop/product.html", "{% if product.note %}<p>{{ product.note }}</p>{% endif %}\n", "")
    (tree / "shop/migrations/0005_no_note.py").write_text(DROP)


def narrow(tree: Path) -> None:
    """Turn version 4 into version 5: its settings load only on the host on which it was deployed."""
    _mark(tree, "v4", "v5")
    settings = tree / "config/settings.py"
    settings.write_text(settings.read_text() + NARROW)


def _mark(tree: Path, old: str, new: str) -> None:
    _replace(tree / "shop/templates/shop/base.html", f'content="{old}"', f'content="{new}"')
    for name in ("css/shop.css", "js/shop.js"):
        _replace(tree / "shop/static/shop" / name, f"release {old}", f"release {new}")


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise ValueError(f"{path} does not hold {old!r}")
    path.write_text(text.replace(old, new))
