"""How a unit starts the application: what is read from the command lines of the servers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasks.decisions.release.serving import Serving, differences, read_serving
from tasks.hosts.shell.scripts import application
from tasks.hosts.shell.scripts.application import synchronous
from tasks.hosts.shell.scripts.databases import described
from tasks.hosts.shell.scripts.serving import of_words


@pytest.mark.parametrize(
    ("line", "kind", "what"),
    [
        ("/srv/venv/bin/gunicorn -c conf.py config.wsgi", "gunicorn", ["-c", "conf.py", "config.wsgi"]),
        ("/usr/bin/env python3 -m gunicorn config.wsgi:application", "gunicorn", ["config.wsgi:application"]),
        ("/bin/sh -c exec gunicorn --chdir src site.wsgi", "gunicorn", ["--chdir", "src", "site.wsgi"]),
        ("/srv/venv/bin/uvicorn --fd 3 config.asgi:application", "module", "config.asgi:application"),
        ("/srv/venv/bin/daphne -u /run/a.sock config.asgi:application", "module", "config.asgi:application"),
        ("uv run granian --interface wsgi config.wsgi:application", "module", "config.wsgi:application"),
        ("/usr/bin/waitress-serve --port=8000 config.wsgi:application", "module", "config.wsgi:application"),
        ("/usr/bin/uwsgi --ini site.ini", "module", "config.wsgi:application"),
        ("/usr/bin/uwsgi --socket 127.0.0.1:8000 --wsgi-file=config/wsgi.py", "file", "config/wsgi.py"),
        ("/usr/bin/docker run site gunicorn config.wsgi", "", ""),
        ("/usr/bin/uwsgi --ini placeholders.ini", "", ""),
        ("/usr/bin/uwsgi --ini missing.ini", "", ""),
        ("/srv/start.sh --port 8000", "", ""),
        ("/srv/venv/bin/uvicorn --factory", "", ""),
    ],
)
def test_the_application_of_a_command_line(tmp_path: Path, line: str, kind: str, what: object) -> None:
    (tmp_path / "site.ini").write_text("[uwsgi]\nchdir = src\nmodule = config.wsgi:application\nsocket = /run/a.sock\n")
    (tmp_path / "placeholders.ini").write_text("[uwsgi]\nchdir = %d/src\nmodule = config.wsgi\n")
    found = of_words(line.split(), str(tmp_path))
    assert found.get("kind", "") == kind
    if kind:
        assert found["arguments" if kind == "gunicorn" else "target"] == what
    if "site.ini" in line:
        assert found["directory"] == str(tmp_path / "src")


def test_the_python_beside_the_server_loads_it(tmp_path: Path) -> None:
    (tmp_path / "python").symlink_to(sys.executable)
    assert of_words([f"{tmp_path}/uvicorn", "a:b"], "/")["python"] == f"{tmp_path}/python"
    assert of_words(["/other/bin/python3.12", "-m", "uvicorn", "a:b"], "/")["python"] == "/other/bin/python3.12"


def test_what_a_shell_does_before_the_server_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the application is not found, or loaded with other settings than it serves with."""
    monkeypatch.setenv("FIRST", "")
    monkeypatch.setenv("SECOND", "")
    line = "/bin/sh -c . /srv/venv/bin/activate; export FIRST=a; cd src && SECOND=b=c exec gunicorn config.wsgi THIRD=d"
    found = of_words(line.split(), str(tmp_path))
    assert (found["directory"], found["python"]) == (str(tmp_path / "src"), "/srv/venv/bin/python")
    assert (os.environ["FIRST"], os.environ["SECOND"], os.environ.get("THIRD")) == ("a", "b=c", None)
    assert of_words(["/usr/bin/env", "SECOND=e", "uvicorn", "a:b"], "/")["target"] == "a:b" and os.environ["SECOND"] == "e"


SITE = """
import json, sys
space = {"__name__": "test"}
exec(open(sys.argv[1]).read(), space)

def site(environ, start_response):
    cookies = [("Set-Cookie", "csrftoken=k3y"), ("Set-Cookie", "sessionid=s3cret")]
    start_response("200 OK", [*cookies, ("Content-Type", "text/plain")])
    return [b""]

page = {"path": "/", "status": None, "text": None, "headers": [("Set-Cookie", "csrftoken="), ("Set-Cookie", sys.argv[3])]}
question = {"pages": [page], "static": "/static/", "hosts": ["shop.example"], "headers": {}, "front": ["127.0.0.1", 1]}
print(json.dumps(space["faults"](site, question, open(sys.argv[2]).read())))
"""


@pytest.mark.parametrize(
    ("wanted", "found"), [("sessionid=", {}), ("Secure", {"/": "answered 200 with Set-Cookie, without 'Secure'"})]
)
def test_every_header_of_a_name_counts_and_no_cookie_is_shown(wanted: str, found: dict[str, str]) -> None:
    scripts = Path(application.__file__).parent
    command = [sys.executable, "-c", SITE, scripts / "application.py", scripts / "pages.py", wanted]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == found and "s3cret" not in ran.stdout + ran.stderr


def serving(**more: Any) -> Serving:
    known = {"known": True, "error": "", "settings": "a", "databases": {"default": "postgresql shop at db"}, "faults": {}}
    return Serving(**(known | more))


@pytest.mark.parametrize(
    ("its", "found"),
    [
        ({}, []),
        ({"settings": "b"}, ["settings module: manage.py has a, the service b"]),
        (
            {"databases": {"default": "sqlite3 /x", "other": "mysql y"}},
            [
                "database default: manage.py has postgresql shop at db, the service sqlite3 /x",
                "database other: manage.py has none, the service mysql y",
            ],
        ),
        ({"settings": "b", "known": False}, []),
        ({"settings": "", "error": "it fails"}, []),
    ],
)
def test_what_manage_py_and_the_service_have_is_compared(its: dict[str, Any], found: list[str]) -> None:
    assert differences(serving(), serving(**its)) == found


def test_answers_are_read_and_others_are_none() -> None:
    own = read_serving('noise\nramped-serving:{"settings": "a", "databases": {"default": "postgresql shop at db"}}\n')
    assert own == serving()
    assert read_serving("nothing") is None and read_serving('ramped-serving:{"databases": 3}') is None


def test_a_database_is_named_without_its_secrets() -> None:
    values = {"ENGINE": "django.db.backends.postgresql", "NAME": "shop", "HOST": "db", "PORT": 5432, "USER": "u", "PASSWORD": "p"}
    assert described(values) == "postgresql shop at db:5432"
    assert described({"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/../x"}) == "sqlite3 /x"


def test_only_wsgi_is_called_as_it_is() -> None:
    class Asgi:
        async def __call__(self, scope: object, receive: object, send: object) -> None: ...

    class Wsgi:
        def __call__(self, environ: object, start: object) -> list[bytes]:
            return []

    wsgi = Wsgi()
    assert synchronous(wsgi) is wsgi and synchronous(lambda environ, start: []) is not None
    with pytest.MonkeyPatch.context() as patch:
        import django.core.wsgi

        patch.setattr(django.core.wsgi, "get_wsgi_application", lambda: "Django's")
        assert synchronous(Asgi()) == "Django's"
