import os

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from .models import Product


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "shop/home.html", {"products": Product.objects.all()})


def colour(request: HttpRequest) -> HttpResponse:
    return HttpResponse(settings.COLOUR, content_type="text/plain", headers={"X-Process": str(os.getpid())})


def product(request: HttpRequest, number: int) -> HttpResponse:
    return render(request, "shop/product.html", {"product": get_object_or_404(Product, pk=number)})


def about(request: HttpRequest) -> HttpResponse:
    return render(request, "shop/about.html")
