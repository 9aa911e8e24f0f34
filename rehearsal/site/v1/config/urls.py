from django.urls import path
from shop import views

from config.health import ApplicationStatus

urlpatterns = [
    path("", views.home, name="home"),
    path("colour/", views.colour, name="colour"),
    path("products/<int:number>/", views.product, name="product"),
    path("health/", ApplicationStatus.as_view(), name="health"),
]
