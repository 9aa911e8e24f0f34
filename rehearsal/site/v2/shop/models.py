# mypy: allow-subclassing-any
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    note = models.CharField(max_length=200, null=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.name)


class Review(models.Model):
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="reviews", db_constraint=False)
    text = models.CharField(max_length=400)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.text)
