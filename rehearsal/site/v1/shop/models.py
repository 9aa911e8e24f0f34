# mypy: allow-subclassing-any
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=80)
    price = models.DecimalField(max_digits=8, decimal_places=2)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.name)
