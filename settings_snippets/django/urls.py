"""Lines to paste into a project's urls.py."""

from config.health import ApplicationStatus  # where you copied settings_snippets/django/health.py to
from django.urls import path

urlpatterns = [
    # For a load balancer without the health middleware, and for monitoring: it asks the database each time, so it fails on every
    # instance at once when the database does. With the middleware (settings.py) the load balancer asks /health/ready/ instead.
    # The path is free; settings_snippets/nginx/site.conf names it. app.health_path in fabric.yaml is the path that nginx and the
    # load balancer know: /health_check/ and the domain.
    path("health/", ApplicationStatus.as_view(), name="health"),
]
