"""What the shop's instances share, as it is now."""

from tests.worlds.shop_world import ShopWorld, sh


def static_names(world: ShopWorld) -> set[str]:
    root = world.shared / "static"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix not in (".gz", ".br")}


def applied(world: ShopWorld) -> str:
    """Return the names of the migrations that the database has."""
    query = (
        'import sqlite3; print(list(sqlite3.connect("../database/shop.sqlite3").execute("select name from django_migrations")))'
    )
    return sh(f"../venv/bin/python -c '{query}'", world.disk() / "app")
