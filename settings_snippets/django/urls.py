"""Lines to paste into a project's urls.py."""

from config.health import ApplicationStatus  # where you copied settings_snippets/django/health.py to
from django.urls import path

urlpatterns = [
    # The path is free; it is app.health_path in fabric.yaml, and stands in settings_snippets/nginx/site.conf.
    path("health/", ApplicationStatus.as_view(), name="health"),
]
