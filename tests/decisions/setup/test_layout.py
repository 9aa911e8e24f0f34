"""Where the parts of Django projects of different make lie."""

import pytest

from tasks.decisions.setup.facts import Facts
from tasks.decisions.setup.host_files import filled, names_of
from tasks.decisions.setup.layout import choose_manage, manage_files, read_layout
from tasks.errors import SettingsError

MANAGE = """import os, sys
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{}")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
WSGI = """import os
from django.core.wsgi import get_wsgi_application
os.environ{}
application = get_wsgi_application()
"""


def wsgi(module: str) -> str:
    return WSGI.format(f'.setdefault("DJANGO_SETTINGS_MODULE", "{module}")')


@pytest.mark.parametrize(
    "files, manage, settings, file, package, depth",
    [
        # django-admin startproject
        (
            {"manage.py": MANAGE.format("shop.settings"), "shop/wsgi.py": wsgi("shop.settings"), "shop/settings.py": ""},
            "manage.py",
            "shop.settings",
            "shop/settings.py",
            "shop.deployment",
            1,
        ),
        # wagtail start: both name the developers' settings
        (
            {
                "manage.py": MANAGE.format("shop.settings.dev"),
                "shop/wsgi.py": wsgi("shop.settings.dev"),
                "shop/settings/__init__.py": "",
                "shop/settings/dev.py": "",
                "shop/settings/production.py": "",
            },
            "manage.py",
            "shop.settings.production",
            "shop/settings/production.py",
            "shop.deployment",
            2,
        ),
        # cookiecutter-django
        (
            {
                "manage.py": MANAGE.format("config.settings.local"),
                "config/wsgi.py": wsgi("config.settings.production"),
                "config/settings/__init__.py": "",
                "config/settings/local.py": "",
                "config/settings/production.py": "",
            },
            "manage.py",
            "config.settings.production",
            "config/settings/production.py",
            "config.deployment",
            2,
        ),
        # manage.py in a folder below, settings as a package with everything in it
        (
            {
                "backend/manage.py": MANAGE.format("site.settings"),
                "backend/site/settings/__init__.py": "",
                "frontend/package.json": "",
            },
            "backend/manage.py",
            "site.settings",
            "backend/site/settings/__init__.py",
            "site.deployment",
            3,
        ),
        # settings beside manage.py, an item instead of setdefault
        (
            {
                "manage.py": MANAGE.format("settings"),
                "wsgi.py": WSGI.format('["DJANGO_SETTINGS_MODULE"] = "settings" if True else "other"'),
                "settings.py": "",
            },
            "manage.py",
            "settings",
            "settings.py",
            "deployment",
            0,
        ),
    ],
)
def test_layouts(files: dict[str, str], manage: str, settings: str, file: str, package: str, depth: int) -> None:
    names = {*files, *(f"{name.rpartition('/')[0]}/__init__.py" for name in files if "/" in name and "settings" not in name)}
    names |= {f"{folder}/__init__.py" for folder in ("shop", "config", "backend/site")}
    chosen = choose_manage(manage_files(files))
    layout = read_layout(files, names, chosen)
    found = (chosen, layout.settings, layout.settings_file, layout.package, layout.depth)
    assert found == (manage, settings, file, package, depth)


def test_what_is_no_manage_of_django_counts_for_nothing() -> None:
    assert manage_files({"manage.py": "print('a script of ours')", "tool/manage.py": "(", "x/other.py": MANAGE}) == []


def test_several_projects_need_a_name() -> None:
    with pytest.raises(SettingsError, match="--manage: .*: |name one of a/manage.py, b/manage.py"):
        choose_manage(["a/manage.py", "b/manage.py"])
    assert choose_manage(["a/manage.py", "a/b/manage.py"]) == "a/manage.py"


@pytest.mark.parametrize(
    "text, settings, expected",
    [
        (MANAGE.format("away.settings"), "", "--settings: there is no file of away.settings"),
        (MANAGE.replace("os.environ", "nothing"), "", "--settings: there is no file of"),
        (MANAGE.format("shop.settings"), "shop.other", "--settings: there is no file of shop.other"),
    ],
)
def test_settings_that_are_not_there(text: str, settings: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=expected):
        read_layout({"manage.py": text}, ["manage.py", "shop/settings.py"], "manage.py", settings)


@pytest.mark.parametrize(
    "folder", ["a\nExecStartPre=+x", "\x1b[31m", "%h", "x: y", '"q"', "$x", "-d", "a/-d", "\u202e", "caf\udce9"]
)
def test_a_folder_that_means_something_to_systemd_a_shell_or_a_terminal_is_refused(folder: str) -> None:
    with pytest.raises(SettingsError, match="cannot stand in a unit") as error:
        manage_files({f"{folder}/manage.py": MANAGE.format("shop.settings")})
    assert str(error.value).isprintable() and str(error.value).isascii()
    assert manage_files({"my site/ü/manage.py": MANAGE.format("shop.settings")}) == ["my site/ü/manage.py"]


def test_a_module_that_is_none_is_not_in_the_files_of_hosts() -> None:
    bad = "shop\nExecStartPre=+x"
    texts = {
        "manage.py": MANAGE.format(bad.replace("\n", "\\n")),
        f"{bad}/wsgi.py": wsgi("shop.settings"),
        "shop/settings.py": "",
    }
    with pytest.raises(SettingsError, match="name the settings module") as error:
        read_layout(texts, [*texts, f"{bad}.py"], "manage.py")
    assert "\n" not in str(error.value)
    assert read_layout(texts, texts, "manage.py", "shop.settings").application == ""


@pytest.mark.parametrize(
    "versions, setting, application, wsgi",
    [
        ({"daphne", "gunicorn"}, "shop.routing.application", "shop.routing", ""),
        ({"uvicorn"}, "", "shop.asgi", ""),
        ({"gunicorn", "uvicorn"}, "", "", "gunicorn"),
        ({"gunicorn"}, "shop.asgi.application", "", "gunicorn"),
        ({"uvicorn"}, "shop\nExecStart=+x.application", "shop.asgi", ""),
        (set(), "shop.asgi.site", "shop.asgi:site", ""),
        (set(), "", "", "gunicorn"),
        ({"uwsgi"}, "shop.asgi.application", "", "uwsgi"),
        ({"pyuwsgi"}, "shop.asgi.application", "", "uwsgi"),
        ({"pyuwsgi", "gunicorn"}, "", "", "gunicorn"),
    ],
)
def test_a_site_is_served_by_what_it_wants_and_has(versions: set[str], setting: str, application: str, wsgi: str) -> None:
    asgi = WSGI.format('.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")').replace("wsgi", "asgi")
    files = {"manage.py": MANAGE.format("shop.settings"), "shop/asgi.py": asgi, "shop/settings.py": ""}
    layout = read_layout(files, files, "manage.py")
    assert layout.settings == "shop.settings" and layout.asgi == "shop.asgi"
    values = dict.fromkeys(Facts.__dataclass_fields__) | {"allowed_hosts": [], "asgi": setting}
    facts = Facts(**values | {"versions": dict.fromkeys(versions, "1")})  # type: ignore[arg-type]
    names = names_of("shop", layout, facts, ())
    assert (names.server, names.application) == (wsgi or "uvicorn", application or "config.wsgi")
    assert filled("-m uvicorn config.asgi:application", names).endswith(
        f" {names.application}" if "site" in setting else ":application"
    )
