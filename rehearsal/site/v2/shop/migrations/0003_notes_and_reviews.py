# mypy: allow-subclassing-any
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_products")]
    # Safe in a ramped deployment: the old code neither reads nor has to fill what is new, and no foreign key in the database
    # keeps it from deleting a product that has a review.
    operations = [
        migrations.AddField(model_name="product", name="note", field=models.CharField(max_length=200, null=True)),
        migrations.CreateModel(
            name="Review",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("text", models.CharField(max_length=400)),
                (
                    "product",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="reviews",
                        to="shop.product",
                    ),
                ),
            ],
            options={"ordering": ("id",)},
        ),
    ]
