"""Load a site's application, say how it is set, and ask it for pages over a socket of its own; the child of `serving`.

Sources: gunicorn's documentation ("Custom Application"); WSGI (PEP 3333); Django, "Request/response signals".
"""

from __future__ import annotations

import http.client
import importlib
import inspect
import json
import os
import runpy
import socketserver
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

SECONDS = 30.0  # for an answer


def main(mark: str, how: dict[str, Any], question: dict[str, Any], facts: str, checker: str) -> None:
    """Print a marked line of JSON: the facts, and what is wrong with the pages.

    `how`: as `serving` has found it; `question`: pages, static, hosts, headers and front (the address of the running site);
    `facts`, `checker`: the programs `databases` and `pages`.
    """
    application = load(how)
    answer: dict[str, Any] = {"error": "", **functions(facts)["facts"]()}
    answer["faults"] = faults(application, question, checker) if question["pages"] else {}
    print("\n" + mark + json.dumps(answer), flush=True)
    os._exit(0)  # threads that the site has begun do not hold it up


def functions(program: str) -> dict[str, Any]:
    """Return the functions of another program of ours."""
    space: dict[str, Any] = {"__name__": "ramped"}
    exec(program, space)
    return space


def load(how: Mapping[str, Any]) -> Any:
    """Return the application as its server loads it."""
    for folder in reversed(how["paths"]):
        sys.path.insert(0, os.path.abspath(folder))
    if how["kind"] == "gunicorn":
        from gunicorn.app.wsgiapp import WSGIApplication

        sys.argv = ["gunicorn", *how["arguments"]]
        server = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]")
        os.environ.update(server.cfg.env)
        for folder in (server.cfg.pythonpath or "").split(","):
            if folder:
                sys.path.insert(0, os.path.abspath(folder))
        return server.load()
    if how["kind"] == "file":
        return runpy.run_path(how["target"])["application"]
    if how["kind"] == "module":
        module, _, name = how["target"].partition(":")
        found = importlib.import_module(module)
        return getattr(found, name.removesuffix("()") or "application")
    from django.core.servers.basehttp import get_internal_wsgi_application

    return get_internal_wsgi_application()


def faults(application: Any, question: Mapping[str, Any], checker: str) -> dict[str, str]:
    """Return what is wrong with the pages of an application, with the error that it raised."""
    from django.core.signals import got_request_exception

    checking = functions(checker)
    raised: list[str] = []

    def note(**_: Any) -> None:
        kind, error, _trace = sys.exc_info()
        raised.append(" ".join(f"{kind.__name__ if kind else 'error'}: {error}".split())[:300])

    got_request_exception.connect(note)
    server = Server(("127.0.0.1", 0), Handler)
    server.set_app(synchronous(application))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    own = server.server_address[:2]

    def get(path: str, at: Sequence[Any] = own, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        try:
            connection = http.client.HTTPConnection(at[0], at[1], timeout=SECONDS)
            connection.request(method, path, headers=question["headers"])
            answer = connection.getresponse()
            return answer.status, checking["by_name"](answer.getheaders()), answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error

    def status(path: str, at: Sequence[Any]) -> str:
        try:
            return str(get(path, at, "HEAD")[0])
        except OSError as error:
            return str(error)

    def missing(names: Sequence[str]) -> dict[str, str]:
        # Where nginx serves the static files, only the running site has them.
        seen = {name: status(name, own) for name in names}
        again = {name: status(name, question["front"]) for name, code in seen.items() if code != "200"}
        return {name: code for name, code in again.items() if code != "200"}

    found: dict[str, str] = checking["faults"](question["pages"], get, missing, question["static"], question["hosts"])
    errors = {path: f" ({raised[-1]})" for path, fault in found.items() if fault.startswith("answered 5") and raised}
    return {path: fault + errors.get(path, "") for path, fault in found.items()}


def synchronous(application: Any) -> Any:
    """Return a WSGI application: the site's own, or Django's for a site whose own is an ASGI application."""
    called = application if inspect.isfunction(application) else type(application).__call__
    if len([one for one in inspect.signature(called).parameters if one != "self"]) == 2 and not inspect.iscoroutinefunction(
        called
    ):
        return application
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


class Handler(WSGIRequestHandler):
    """Answer without a log: its lines would stand in the answer."""

    def log_message(self, format: str, *_: Any) -> None:
        """Say nothing."""


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """A server in threads, on this machine alone."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without asking for a name, which may take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]
        self.setup_environ()
