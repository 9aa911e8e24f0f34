"""Pages and the static files that they name: what counts, what does not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tasks.hosts.shell.scripts.pages import by_name, faults, named_files

HOSTS = ("shop.example.com", "cdn.example.net")
TWICE = [("Set-Cookie", "csrftoken=k3y"), ("Vary", "Cookie"), ("Set-Cookie", "sessionid=s3cret; HttpOnly"), ("vary", "Accept")]
HTML = {"content-type": "text/html; charset=utf-8"}


@pytest.mark.parametrize(
    ("html", "files"),
    [
        ('<link rel=stylesheet href="/static/a.css">', ["/static/a.css"]),
        ("<script src=/static/a.js?v=1#x></script><script src='/static/a.js'></script>", ["/static/a.js"]),
        (
            '<img src="https://cdn.example.net/static/a.png"><img src="//shop.example.com/static/b.png">',
            ["/static/a.png", "/static/b.png"],
        ),
        ('<img src="https://other.example/static/a.png"><img src="data:image/png;base64,AAAA"><a href="/about/">', []),
        (
            '<img srcset="/static/1.png 1x, /static/2.png 2x"><link imagesrcset="/static/3.png">',
            ["/static/1.png", "/static/2.png", "/static/3.png"],
        ),
        (
            '<img srcset="/static/w_9,h_9/1.png 1x,/static/2.png 2x, data:image/png,A,B 3x,/static/3.png 9w, /static/4.png">',
            ["/static/w_9,h_9/1.png", "/static/2.png", "/static/3.png", "/static/4.png"],
        ),
        ('<img src="/static/My Photo.png"><img src="/static/ü%20b.png">', ["/static/My%20Photo.png", "/static/%C3%BC%20b.png"]),
        ('<video poster="/static/a.jpg"><source src="/static/a.mp4"></video>', ["/static/a.jpg", "/static/a.mp4"]),
        (
            '<svg><use xlink:href="/static/icons.svg#cart"></use></svg><object data="/static/a.pdf"></object>',
            ["/static/icons.svg", "/static/a.pdf"],
        ),
        (
            '<meta property="og:image" content="https://shop.example.com/static/og.png"><meta content="words /static/x.png">',
            ["/static/og.png"],
        ),
        (
            '<div style="background: url(/static/a.png)"></div><style>p { background: url("/static/b.png") }</style>',
            ["/static/a.png", "/static/b.png"],
        ),
        ('<script>const base = "/static/img/" + name + ".png"</script>', []),
        ('<div data-base="/static/img/flag-"></div><script src="/static/"></script>', []),
        (
            '<script type="importmap">{"imports": {"app": "/static/app.js"}, "scopes": {"/a/": {"b": "/static/b.js"}}}</script>',
            ["/static/app.js", "/static/b.js"],
        ),
        (
            '<script type="importmap">no json</script><!-- <img src="/static/a.png"> --><img src="http://[broken/static/a.png">',
            [],
        ),
        ('<base href="/static/site/"><img src="a%20b.png">', ["/static/site/a%20b.png"]),
        ('<img src="../static/a.png">', ["/static/a.png"]),
        ('<a href="/static/a.png?x=1&amp;y=2">', ["/static/a.png"]),
        ('<input value="/static/a.png"><param value="/static/b.png">', []),
        ('<img src="/static/{{ name }}.png"><img :src="`/static/${name}.png`">', []),
    ],
)
def test_the_static_files_of_a_page(html: str, files: list[str]) -> None:
    assert named_files(html, "/shop/", "/static/", HOSTS) == files


def test_files_at_the_top_of_another_host_are_those_of_that_host_alone() -> None:
    """STATIC_URL is https://cdn.example.net/: every page and every text of a page begins as its files do."""
    html = '<meta name="viewport" content="width=device-width"><a href="/start"></a><img src="/a.png">'
    assert named_files(f'{html}<script src="https://cdn.example.net/a.js">', "/", "/", HOSTS) == ["/a.js"]
    assert named_files(html, "/", "/", HOSTS[:1]) == []


SITE: dict[str, tuple[int, dict[str, str], str]] = {
    "/": (200, HTML, '<img src="/static/a.png">Welcome'),
    "/styled/": (200, {}, '<img src="/static/gone.png"><img src="/static/a.png">'),
    "/old/": (301, {"location": "/"}, ""),
    "/login/": (200, by_name([*HTML.items(), *TWICE]), ""),
    "/m%C3%A4rz/": (302, {"location": "/old/"}, ""),
    "/away/": (302, {"location": "https://login.example/"}, ""),
    "/loop/": (302, {"location": "?again"}, ""),
    "/loop/?again": (302, {"location": "https://shop.example.com/loop/"}, ""),
    "/gone/": (404, HTML, "not here"),
    "/broken/": (500, HTML, '<img src="/static/gone.png">'),
    "/to-broken/": (302, {"location": "/broken/"}, ""),
    "/data/": (200, {"content-type": "application/json"}, '"<img src=/static/gone.png>"'),
}


def get(path: str) -> tuple[int, Mapping[str, str], bytes]:
    if path not in SITE:
        raise OSError("no answer")
    status, found, body = SITE[path]
    return status, found, body.encode()


def missing(names: Sequence[str]) -> dict[str, str]:
    return {name: "404 Not Found" for name in names if name != "/static/a.png"}


@pytest.mark.parametrize(
    ("path", "more", "wrong"),
    [
        ("/", {}, None),
        ("/", {"status": 200, "text": "Welcome"}, None),
        ("/", {"text": "Goodbye"}, "answered 200 without the text 'Goodbye'"),
        ("/old/", {"status": 301, "headers": [("Location", "/"), ("location", "")]}, None),
        ("/old/", {"status": 301, "headers": [("Location", "/login/")]}, "answered 301 with Location: /, without '/login/'"),
        ("/old/", {"headers": [("Location", "")]}, "answered 200 (redirected to /) without the header Location"),
        ("/login/", {"headers": [("Set-Cookie", "csrftoken="), ("set-cookie", "sessionid="), ("Vary", "Cookie")]}, None),
        ("/login/", {"headers": [("Set-Cookie", "Secure")]}, "answered 200 with Set-Cookie, without 'Secure'"),
        ("/login/", {"headers": [("Vary", "Origin")]}, "answered 200 with Vary: Cookie, Accept, without 'Origin'"),
        ("/styled/", {}, "names static files that are not served: /static/gone.png (404 Not Found)"),
        ("/old/", {"text": "Welcome"}, None),
        ("/old/", {"status": 301}, None),
        ("/old/", {"status": 200}, "answered 301, not 200"),
        ("/märz/", {}, None),
        ("/away/", {}, None),
        ("/loop/", {}, "more than 5 redirects, the last to /loop/"),
        ("/gone/", {}, None),
        ("/gone/", {"status": 404}, None),
        ("/broken/", {}, "answered 500"),
        ("/broken/", {"status": 500}, "names static files that are not served: /static/gone.png (404 Not Found)"),
        ("/to-broken/", {}, "answered 500 (redirected to /broken/)"),
        ("/data/", {}, None),
        ("/silent/", {}, "no answer"),
    ],
)
def test_what_is_wrong_with_a_page(path: str, more: dict[str, Any], wrong: str | None) -> None:
    page = {"path": path, "status": None, "text": None, "headers": ()} | more
    found = faults([page], get, missing, "/static/", HOSTS)
    assert found == ({} if wrong is None else {path: wrong})
