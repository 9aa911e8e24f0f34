"""Lines to paste into a project's settings.py; each says which drop-in needs it.

As it stands this file is also a complete settings module: the tests import it.
"""

import os
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent  # the checkout; yours has this line already

# --- The release -------------------------------------------------------------------------------------------------------------
# `fab deploy` writes the revision that it has checked out into this file; the health view reports it. It has to be read here,
# once, at start: read later or elsewhere it could name another release than the running one. Put REVISION, staticfiles.json
# and .staticfiles.json.* into .gitignore: `fab deploy` refuses a dirty tree.
_revision = BASE_DIR / "REVISION"
REVISION = _revision.read_text().strip() if _revision.exists() else None

# --- Static files ------------------------------------------------------------------------------------------------------------
# One directory for all instances: on EFS. Best a folder *inside* the mounted volume (mount /srv/shop/shared, STATIC_ROOT
# /srv/shop/shared/static): the storage then keeps unfinished files beside it, where no starting WhiteNoise meets them.
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", BASE_DIR.parent / "shared" / "static"))

# With a CDN, whose origin is the load balancer: its address ("https://d111111abcdef8.cloudfront.net/static/").
STATIC_URL = os.environ.get("STATIC_URL", "/static/")

# The manifest is in BASE_DIR, so each instance keeps naming the files of its own release. To move it:
# STATICFILES_MANIFEST_ROOT = "/srv/shop/state"

# Django 4.2 and later. Before, or where the old setting is still used:
# STATICFILES_STORAGE = "config.local_manifest_storage.LocalManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "config.local_manifest_storage.LocalManifestStaticFilesStorage",
        # Big trees: collectstatic again costs what has changed. Copy incremental_storage.py beside it and name
        # "config.incremental_storage.IncrementalStaticFilesStorage".
        # A second run waits for the first, STATICFILES_LOCK_TIMEOUT = 900 seconds at most.
        # If your JavaScript modules import each other by relative paths:
        # "OPTIONS": {"support_js_module_import_aggregation": True},
        # Files that are not yours: references to files that nobody has are left as they are; files are published as they are:
        # "OPTIONS": {"allow_missing_references": ["vendor/*"], "do_not_rewrite": ["vendor/src/*"]},
    },
}
# In your tests no manifest is needed with {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}.
# WHITENOISE_KEEP_ONLY_HASHED_FILES must stay off: the storage refuses it. WHITENOISE_MANIFEST_STRICT must stay on (the default):
# off, a name that the manifest lacks is computed from the newest release's file.

MIDDLEWARE = [
    "config.health_middleware.HealthMiddleware",  # first: before all others
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",  # right after SecurityMiddleware
    # or, to find new files without a restart: "config.static_middleware.StaticFilesMiddleware" in its place
    # ... the others
]

# --- Behind CloudFront, the load balancer and nginx ----------------------------------------------------------------------------
# nginx sets this header itself, so visitors cannot forge it (settings_snippets/nginx/site.conf).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
ALLOWED_HOSTS = ["www.example.com"]  # no addresses: nginx sets the site's name in health checks

# --- Health --------------------------------------------------------------------------------------------------------------------
# The load balancer asks /health/ready/ of the middleware: an outage of the database does not fail it, so no instance is replaced
# where that does not help. You and the deployment ask /health/deep/. /health/live/ asks nothing at all: it is for process
# supervisors. Without the middleware the load balancer asks the view in urls.py, which fails on every instance in an outage:
# leave the Auto Scaling group's health check type at EC2 then.
HEALTH_CHECK_STATE = "/run/shop"  # created by gunicorn.service; `fab drain` creates a file there
HEALTH_CHECK_TIMEOUT = 2  # seconds; less than the target group's timeout (5 by default)
HEALTH_CHECK_DATABASES = ["default"]

# --- Database ------------------------------------------------------------------------------------------------------------------
# A failed-over database must not hold the site's threads for the 15 minutes that TCP allows, nor a runaway query for ever. For
# PostgreSQL, in seconds, milliseconds, and milliseconds (not for `manage.py migrate`, which may take longer):
# DATABASES = {"default": {..., "OPTIONS": {"connect_timeout": 5, "tcp_user_timeout": 10000}}}
# if "migrate" not in sys.argv:
#     DATABASES["default"]["OPTIONS"]["options"] = "-c statement_timeout=30000"
# For MySQL and MariaDB, in seconds: "OPTIONS": {"connect_timeout": 5, "read_timeout": 30, "write_timeout": 30}.
# PostgreSQL's do not help where the server itself stands still while its machine goes on acknowledging: then requests hold
# gunicorn's threads until it wakes. As long as one thread is left, live and ready answer.
