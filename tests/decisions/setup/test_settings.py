"""What `init` says of a project's settings, and the block that it adds to them."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tasks.decisions.setup import left
from tasks.decisions.setup.facts import Facts
from tasks.decisions.setup.layout import Layout
from tasks.decisions.setup.python_path import python_path
from tasks.decisions.setup.settings_block import SECURITY, WHITENOISE, settings_block

EMPTY = {"str": "", "bool": False, "list[str]": [], "Mapping[str, str]": {}, "Mapping[str, list[str]]": {}}
LAYOUT = Layout("manage.py", "bakery.settings", "", "", "bakery/settings.py", "bakery.wsgi", "", "bakery.deployment")


def facts(**given: Any) -> Facts:
    """Return what settings say that say nothing else."""
    return Facts(**{**{field.name: EMPTY[str(field.type)] for field in fields(Facts)}, **given})


@pytest.mark.parametrize(
    "header, named",
    [
        (["HTTP_X_SCHEME", "https on"], True),
        (["HTTP_X;", "https"], True),
        (["wsgi.url_scheme", "https"], True),
        (["HTTP_X_SCHEME", "on"], False),
        ([], False),
    ],
)
def test_a_header_of_the_proxy_that_nginx_does_not_get_is_left_to_do(header: list[str], named: bool) -> None:
    """The site would redirect every request to itself for ever."""
    said = left.about_settings(LAYOUT, facts(proxy_header=header), lambda name: "bakery/settings.py:9")
    mend = "SECURE_PROXY_SSL_HEADER cannot stand in nginx's files as it is: set its header in deploy/nginx/site.conf yourself"
    assert (f"bakery/settings.py:9: {mend}" in list(said)) is named


@pytest.mark.parametrize("kind", [list, tuple])
def test_whitenoise_comes_right_after_djangos_security_whatever_has_its_name(kind: type, tmp_path: Path) -> None:
    """Before it, static files would get neither the redirect to HTTPS nor HSTS."""
    own = ["config.csp.SecurityMiddleware", SECURITY, "x.Last"]
    settings = {"__file__": str(tmp_path / "bakery/settings.py"), "INSTALLED_APPS": [], "MIDDLEWARE": kind(own)}
    block = settings_block(LAYOUT, facts(middleware=own), str(tmp_path))
    exec(block, settings)
    assert settings["MIDDLEWARE"][1:] == [*own[:2], WHITENOISE, "x.Last"]
    without = {**settings, "MIDDLEWARE": kind(["x.Last"])}  # those for developers
    exec(block, without)
    assert without["MIDDLEWARE"][1:] == [WHITENOISE, "x.Last"]


@pytest.mark.parametrize("name", ["STATICFILES_STORAGE", "DEFAULT_FILE_STORAGE"])
@pytest.mark.parametrize("version, read", [("4.2.30", True), ("5.0", True), ("5.1", False), ("6.1.2", False)])
def test_the_storage_is_named_where_this_django_looks(name: str, version: str, read: bool, tmp_path: Path) -> None:
    """Since 5.1 Django passes a STATICFILES_STORAGE over: collectstatic would make no manifest, and say nothing."""
    given = {"INSTALLED_APPS": [], "MIDDLEWARE": [], name: "of.Before"}
    settings = {"__file__": str(tmp_path / "bakery/settings.py"), **given}
    block = settings_block(LAYOUT, facts(own=list(given), versions={"django": version}), str(tmp_path))
    exec(block.replace('"pytest" not in _sys.modules', "True"), settings)
    ours = "bakery.deployment.local_manifest_storage.LocalManifestStaticFilesStorage"
    assert ("STORAGES" not in settings) is read
    assert (settings["STATICFILES_STORAGE"] if read else settings["STORAGES"]["staticfiles"]["BACKEND"]) == ours


def test_the_python_path_of_the_real_site_is_that_of_its_checkout_alone() -> None:
    path = "/srv/bakery/app/src:/etc/bakery:/srv/bakery/app::lib:../apps:../../x:/srv/bakery/app/../apps:a\n[b]"
    found = python_path(path, "/srv/bakery/app/", "backend")
    assert found.folders == ("src", ".", "backend/lib", "apps")
    assert found.elsewhere == ("/etc/bakery", "../../x", "/srv/bakery/app/../apps", "a\n[b]")
    assert "PYTHONPATH of the environment file: a\\n[b] is not in app.directory" in found.left[-1]
    assert python_path("/srv:lib", "~/app", ".").folders == ("lib",)
