# mypy: allow-subclassing-any
from typing import Any

from django.db import migrations

PRODUCTS = (
    ("Lantern", "24.00"),
    ("Kettle", "39.50"),
    ("Wool blanket", "65.00"),
    ("Clay bowl", "18.00"),
    ("Step ladder", "89.90"),
)


def fill(apps: Any, schema_editor: Any) -> None:
    product = apps.get_model("shop", "Product")
    product.objects.bulk_create(product(name=name, price=price) for name, price in PRODUCTS)


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
