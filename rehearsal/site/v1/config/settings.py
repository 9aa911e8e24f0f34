"""The shop's settings: a host's own values come from the environment, or from the file shop.env beside the checkout."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = BASE_DIR.parent

_file = HOME / "shop.env"
_lines = _file.read_text().split() if _file.exists() else []
ENVIRONMENT = {**dict(line.split("=", 1) for line in _lines), **os.environ}

_revision = BASE_DIR / "REVISION"
REVISION = _revision.read_text().strip() if _revision.exists() else None

CDN = ENVIRONMENT.get("SHOP_CDN", "")
STATIC_URL = f"{CDN}/static/"
STATIC_ROOT = ENVIRONMENT.get("SHOP_STATIC_ROOT", HOME / "static")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.local_manifest_storage.LocalManifestStaticFilesStorage"},
}

# The CDN passes the Host on that its visitors ask for.
ALLOWED_HOSTS = [ENVIRONMENT.get("SHOP_DOMAIN", "shop.example.com"), *filter(None, [urlsplit(CDN).hostname])]
ALLOWED_HOSTS += filter(None, ENVIRONMENT.get("SHOP_HOSTS", "").split(","))
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
SECRET_KEY = "this shop sells nothing and keeps no secret"

# What every instance has to show after `ship --settings`.
COLOUR = ENVIRONMENT.get("SHOP_COLOUR", "")

STATIC_MIDDLEWARE = ENVIRONMENT.get("SHOP_STATIC_MIDDLEWARE", "whitenoise.middleware.WhiteNoiseMiddleware")

INSTALLED_APPS = ["django.contrib.staticfiles", "shop.apps.ShopConfig"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    STATIC_MIDDLEWARE,
    "django.middleware.common.CommonMiddleware",
]
# Where the load balancer asks the health middleware, the hosts have it first; its state is the host's own.
if ENVIRONMENT.get("SHOP_HEALTH_MIDDLEWARE"):
    MIDDLEWARE.insert(0, "config.health_middleware.HealthMiddleware")
    HEALTH_CHECK_STATE = HOME / "state"
# Less than the timeout of the load balancer's check, which is 5 s; all the hosts share one computer, which may be busy.
HEALTH_CHECK_TIMEOUT = float(ENVIRONMENT.get("SHOP_HEALTH_TIMEOUT", "4"))
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True
# Of the workers (config/jobs.py), where there are any.
BROKER = ENVIRONMENT.get("SHOP_BROKER", "")
BROKER_MESSAGES = ENVIRONMENT.get("SHOP_BROKER_MESSAGES", "")
TASK_RESULTS = ENVIRONMENT.get("SHOP_TASK_RESULTS", "")
TIME_ZONE = "UTC"

# postgresql://user:password@host:port/name on machines; without it a file that all hosts share.
_database = urlsplit(ENVIRONMENT.get("SHOP_DATABASE", ""))
DATABASES: dict[str, dict[str, Any]]
if _database.scheme == "postgresql":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _database.path.removeprefix("/"),
            "HOST": _database.hostname,
            "PORT": _database.port,
            "USER": _database.username,
            "PASSWORD": _database.password,
            "OPTIONS": {"connect_timeout": 5, "tcp_user_timeout": 10_000},
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": HOME / "database" / "shop.sqlite3",
            # Readers and a writer of several hosts at once: they share the file as they would share a database server.
            "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
        }
    }
