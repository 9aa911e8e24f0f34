from config.health import ApplicationStatus
from django.urls import path
from shop import views

urlpatterns = [
    path("", views.home, name="home"),
    path("colour/", views.colour, name="colour"),
    path("products/<int:number>/", views.product, name="product"),
    path("about/", views.about, name="about"),
    path("health/", ApplicationStatus.as_view(), name="health"),
]
