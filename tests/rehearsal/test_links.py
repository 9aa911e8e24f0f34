"""What visitors find in a page, and where they ask for it: never outside of this machine."""

import pytest

from rehearsal import links
from rehearsal.traffic import Site

PAGE = """<!doctype html><base><link rel="stylesheet" href="/static/a.css?x=1"><link rel=canonical href="/other/">
<link rel="shortcut icon" href=//cdn.example.com/i.ico><script src='/static/a.js'></script><script>"/static/no.js"</script>
<img src="/static/a.png" srcset="/static/b.png 1x, /static/c.png 2x" alt="src=/static/no.png"><img src="data:image/png;base64,AA">
<svg><use href="/static/icons.svg#home"></use></svg><video poster="/static/p.jpg"></video>
<a href="/about/">a</a><a href="#top">b</a><a href="mailto:x@y.example">c</a><a href="javascript:void(0)">d</a>
<a href="https://www.example.com/shop/#x">e</a><a>f</a>"""


def test_links_of_a_page() -> None:
    found = links.of_page(PAGE)
    static = {"a.css?x=1", "a.js", "a.png", "b.png", "c.png", "icons.svg", "p.jpg"}
    assert found.files == {f"/static/{name}" for name in static} | {"//cdn.example.com/i.ico"}
    assert found.pages == {"/about/", "https://www.example.com/shop/"}


@pytest.mark.parametrize(
    "link, address",
    [
        ("/static/My Photo.png", "http://shop/static/My%20Photo.png"),
        ("/über-uns/?q=käse", "http://shop/%C3%BCber-uns/?q=k%C3%A4se"),
        ("/a%20b/[1]", "http://shop/a%20b/[1]"),
        ("http://[your-domain]/start", ""),
        (" ../x ", "http://shop/x"),
    ],
)
def test_a_link_leads_where_a_browser_goes(link: str, address: str) -> None:
    assert links.joined("http://shop/news/", link) == address


SITE = Site("http://127.0.0.3:8080", "http://127.0.0.4:8080", "www.example.com", ("/",), "/static/", {}, "files.example.net")


@pytest.mark.parametrize(
    "url, asked",
    [
        ("http://127.0.0.3:8080/a", ("http://127.0.0.3:8080", "www.example.com")),
        ("https://www.example.com/a", ("http://127.0.0.3:8080", "www.example.com")),
        ("http://127.0.0.4:8080/static/a.css", ("http://127.0.0.4:8080", "127.0.0.4:8080")),
        ("https://files.example.net/static/a.css", ("http://127.0.0.3:8080", "www.example.com")),
        ("https://files.example.net/other.css", None),
        ("https://elsewhere.example.org/static/a.js", None),
        ("ftp://www.example.com/static/a", None),
        ("data:text/css,p", None),
    ],
)
def test_only_the_rehearsal_itself_is_asked(url: str, asked: tuple[str, str] | None) -> None:
    assert SITE.asks(url) == asked
