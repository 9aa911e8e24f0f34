"""The migrations of large apps that others wrote, one by one, each on PostgreSQL with the app as it was before it.

`python -m tests.settings_snippets.migrations.third_party SOCKET-FOLDER APP FOLDER-OF-APPS` prints a line of JSON for each.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.settings_snippets.migrations import truth

ROOT = Path(__file__).parents[3]
FOLDER = Path(os.environ.get("RAMPED_MIGRATION_APPS") or ROOT / ".venv/django-apps")
COMMON = ("django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.sites")
ENGINE = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "OPTIONS": {
        "context_processors": [
            "django.template.context_processors.request",
            "sekizai.context_processors.sekizai",
            "cms.context_processors.cms_settings",
        ]
    },
}
SEARCH = {"HAYSTACK_CONNECTIONS": {"default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}}}
APPS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "wagtail": (
        (
            *COMMON,
            *(f"wagtail.{name}" for name in ("embeds", "users", "documents", "images", "search", "admin")),
            *(f"wagtail.contrib.{name}" for name in ("forms", "redirects", "search_promotions")),
            "wagtail",
            "modelcluster",
            "taggit",
        ),
        {"WAGTAIL_SITE_NAME": "x", "WAGTAILADMIN_BASE_URL": "x", "STATIC_URL": "/static/"},
    ),
    "oscar": ((), {**SEARCH, "SITE_ID": 1, "STATIC_URL": "/static/"}),
    "cms": (
        (
            *COMMON,
            "django.contrib.admin",
            "django.contrib.messages",
            "cms",
            "menus",
            "treebeard",
            "sekizai",
            "filer",
            "easy_thumbnails",
        ),
        {
            "SITE_ID": 1,
            "LANGUAGES": [("en", "English")],
            "LANGUAGE_CODE": "en",
            "CMS_CONFIRM_VERSION4": True,
            "TEMPLATES": [ENGINE],
        },
    ),
    "helpdesk": (
        (*COMMON, "django.contrib.humanize", "helpdesk"),
        {
            "SITE_ID": 1,
            "HELPDESK_TEAMS_MODE_ENABLED": False,
            "HELPDESK_TEAMS_MODEL": "auth.Group",
            "HELPDESK_TEAMS_MIGRATION_DEPENDENCIES": [],
            "HELPDESK_KBITEM_TEAM_GETTER": lambda _: None,
        },
    ),
    "django_celery_beat": ((*COMMON, "django_celery_beat"), {}),
}
# Packages of a few apps, of which their own migrations alone are tried, and what they want of the settings.
SMALL: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "actstream": (("actstream",), {}),
    "admin_interface": (("admin_interface", "colorfield"), {}),
    "axes": (("axes",), {}),
    "cities_light": (("cities_light",), {}),
    "django_celery_results": (("django_celery_results",), {}),
    "django_mailbox": (("django_mailbox",), {}),
    "django_otp": (("django_otp", *(f"django_otp.plugins.otp_{name}" for name in ("email", "hotp", "static", "totp"))), {}),
    "django_q": (("django_q",), {}),
    "guardian": (("guardian",), {}),
    "invitations": (("invitations",), {}),
    "knox": (("rest_framework", "knox"), {}),
    "mailer": (("mailer",), {}),
    "organizations": (("organizations",), {}),
    "photologue": (("photologue", "sortedm2m"), {}),
    "plans": (("plans", "ordered_model", "sequences"), {"PLANS_CURRENCY": "EUR", "PLANS_TAX": 0, "PLANS_TAX_COUNTRY": "PL"}),
    "post_office": (("post_office",), {}),
    "rest_framework_simplejwt": (("rest_framework_simplejwt.token_blacklist", "rest_framework.authtoken"), {}),
    "schedule": (("schedule",), {}),
    "silk": (("silk",), {}),
    "waffle": (("waffle",), {}),
}
ADMIN = ("django.contrib.admin", "django.contrib.messages")
APPS |= {
    name: ((*COMMON, *ADMIN, *apps), {"SITE_ID": 1, "STATIC_URL": "/static/", "MEDIA_URL": "/media/", **more})
    for name, (apps, more) in SMALL.items()
}


def tried(state: Any, migration: Any) -> dict[str, Any]:
    """Try a migration out; nothing stays. Code for the data would stumble over rows that no release has written."""
    from django.db.migrations.operations import RunPython

    rows = migration.atomic and not any(isinstance(operation, RunPython) for operation in migration.operations)
    return truth.alone(state, migration, rows=rows)


def know_content_types(state: Any) -> None:
    """Do what Django does after `migrate`: later migrations ask for these rows."""
    if ("contenttypes", "contenttype") in state.models and "name" not in state.models["contenttypes", "contenttype"].fields:
        rows = state.apps.get_model("contenttypes", "ContentType").objects
        for app, model in state.models:
            rows.get_or_create(app_label=app, model=model)


def own(name: str) -> set[str]:
    """Return the labels of the apps whose migrations are tried: for a package of a few apps those that are not Django's."""
    from django.apps import apps

    return {
        config.label for config in apps.get_app_configs() if name not in SMALL or not config.name.startswith("django.contrib.")
    }


def prepared(folder: str, name: str, packages: str) -> Any:
    """Make an empty database for an app and set Django up for it; return the executor of its migrations."""
    sys.path.append(packages)
    apps, more = APPS[name]
    if name == "oscar":
        from oscar import INSTALLED_APPS, defaults

        apps = tuple(INSTALLED_APPS)
        more |= {key: value for key, value in vars(defaults).items() if key.isupper()}
    import psycopg

    with psycopg.connect(host=folder, user="shop", dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE ramped_{name}")
    truth.configure(folder, apps, f"ramped_{name}", **more)
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    return MigrationExecutor(connection)


def main() -> None:
    folder, name, packages = sys.argv[1:]
    executor = prepared(folder, name, packages)
    plan = [migration for migration, _ in executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)]
    state = executor._create_project_state()
    for migration in plan:
        if migration.app_label not in own(name):
            state = truth.apply(state, migration)
        else:
            told = tried(state, migration)
            state = truth.apply(state, migration) if migration.atomic else told["after"]
            told.pop("after")
            print(json.dumps({"name": str(migration), **told}), flush=True)
        know_content_types(state)


if __name__ == "__main__":
    main()
