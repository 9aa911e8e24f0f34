"""The middleware against stock WhiteNoise, over one static root, in a process of the project."""

import shutil
from pathlib import Path

import pytest

from tests.settings_snippets.project import SNIPPETS, Project, ask, gunicorn
from tests.settings_snippets.static_server import PRELUDE

OURS = 'MIDDLEWARE[1] = "config.static_middleware.StaticFilesMiddleware"'


def checkout(root: Path) -> Project:
    project = Project(root)
    shutil.copyfile(SNIPPETS / "django/static_middleware.py", project.base / "config/static_middleware.py")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = checkout(tmp_path)
    made.collectstatic()
    return made


def check(project: Project, code: str) -> str:
    """Run checks in the project; they must hold."""
    ran = project.django(PRELUDE + code)
    assert ran.code == 0, ran.err
    return ran.out


def test_it_answers_what_whitenoise_answers_header_for_header(project: Project) -> None:
    matrix = """
put("empty.txt", b""); put("note", b"no ending"); put("sub/index.html", b"<p>index</p>"); put("lone.css.gz", b"alone")
put("b.txt", b"x" * 3000); put("b.txt.br", b"br" * 9); put("b.txt.gz", b"gz" * 20); put("a.b/c d\\u00e9.js", b"1;")
(ROOT / "link.css").symlink_to(ROOT / "css/site.css")
(ROOT / "folder").symlink_to(ROOT / "css")
stock, ours = WhiteNoiseMiddleware(last), StaticFilesMiddleware(last)
urls = ["/static/" + str(path.relative_to(ROOT)) for path in sorted(ROOT.rglob("*"))]
urls += ["/static/folder/site.css", "/static", "/static/", "/static/sub", "/static/sub/", "/", "/static/nothing.css"]
variants = [{"HTTP_RANGE": value} for value in (
            "bytes=0-4", "bytes=5-", "bytes=-3", "bytes=99999-",
            "lines=1-2", "bytes=0-1,4-5", "bytes=", "bytes=0-99999")]
encodings = ("gzip", "br", "gzip, br", "*", "identity", "deflate", "")
variants += [{"HTTP_ACCEPT_ENCODING": value} for value in encodings]
days = ("Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT", "soon")
variants += [{"HTTP_IF_MODIFIED_SINCE": value} for value in days]
variants += [{}, {"HTTP_IF_NONE_MATCH": '"x"'}, {"HTTP_ACCEPT_ENCODING": "gzip", "HTTP_RANGE": "bytes=2-9"}]
count = 0
for turn in range(2):
    for url in urls:
        etag = header(answer(stock, url), "ETag")
        for headers in variants + ([{"HTTP_IF_NONE_MATCH": etag}] if etag else []):
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                got = answer(ours, url, method, **headers)
                # RFC 9110 defines Range for GET alone.
                known = {name: value for name, value in headers.items() if (method, name) != ("HEAD", "HTTP_RANGE")}
                expected = answer(stock, url, method, **known)
                if expected[0] == 404 and url.startswith("/static/"):
                    assert got[0] == 404 and header(got, "Cache-Control") == "no-store", (url, got)
                else:
                    assert got == tagged(expected), (url, method, headers, expected, got)
                count += 1
print(count)
"""
    assert int(check(project, matrix)) > 2000


def test_ranges_conditions_and_encodings_are_those_of_rfc_9110(project: Project) -> None:
    code = """
ours = StaticFilesMiddleware(last)
body = bytes(range(200)) * 20
url = hashed("r.bin2", body)
put(url[8:] + ".gz", gzip.compress(body))
whole = answer(ours, url)
tag, date = header(whole, "ETag"), header(whole, "Last-Modified")
def ask(**headers):
    got = answer(ours, url, **{"HTTP_" + name: value for name, value in headers.items()})
    return got[0], header(got, "Content-Range"), got[2]
full, none, size = (200, None, body), (416, f"bytes */{len(body)}", b""), len(body)
for value, expected in {
    "bytes=0-0": (206, f"bytes 0-0/{size}", body[:1]),
    "bytes=0-1": (206, f"bytes 0-1/{size}", body[:2]),
    f"bytes={size - 1}-": (206, f"bytes {size - 1}-{size - 1}/{size}", body[-1:]),
    f"bytes={size - 1}-{size * 9}": (206, f"bytes {size - 1}-{size - 1}/{size}", body[-1:]),
    "bytes=-1": (206, f"bytes {size - 1}-{size - 1}/{size}", body[-1:]),
    f"bytes=-{size * 9}": (206, f"bytes 0-{size - 1}/{size}", body),
    "Bytes = 3-5": (206, f"bytes 3-5/{size}", body[3:6]),
    f"bytes={size}-": none, f"bytes={size}-{size}": none, "bytes=-0": none, "bytes=4-2": full, "bytes=-": full,
    "bytes=--1": full, "bytes=+1-2": full, "bytes=1-2,5-6": full, "bytes=" + "9" * 5000 + "-": full, "bytes=\u0663-": full,
}.items():
    assert ask(RANGE=value) == expected, (value, ask(RANGE=value)[:2])
    head = answer(ours, url, "HEAD", HTTP_RANGE=value)
    assert head[0] == 200 and head[2] == b"" and not header(head, "Content-Range"), value
    assert header(head, "Content-Length") == str(size), value
part = (206, f"bytes 5-9/{size}", body[5:10])
for value, expected in {
    tag: part, date: part, "W/" + tag: full, '"x"': full, "Thu, 01 Jan 2099 00:00:00 GMT": full, "soon": full,
    tag[:-1] + '-gzip"': full,
}.items():
    assert ask(RANGE="bytes=5-9", IF_RANGE=value) == expected, value
for value, status in {
    tag: 304, "W/" + tag: 304, '"a", W/"b",' + tag: 304, "*": 304, '"a"': 200, tag[:-1]: 200, tag.strip('"'): 200, "": 200,
    tag[:-1] + '-gzip"': 200,
}.items():
    assert ask(IF_NONE_MATCH=value)[0] == status, value
    assert ask(IF_NONE_MATCH=value, IF_MODIFIED_SINCE=date)[0] == status, "the date does not count then"
assert ask(IF_NONE_MATCH=tag[:-1] + '-gzip"', ACCEPT_ENCODING="gzip")[0] == 304
assert ask(IF_NONE_MATCH=tag, ACCEPT_ENCODING="gzip")[0] == 200
for value, encoding in {
    "gzip": "gzip", "GZIP;q=0.5": "gzip", "x-gzip": "gzip", "gzip;q=0": None, "gzip; q=0.000, br": None, "gzip;q=0.001": "gzip",
    "identity;q=0, gzip": "gzip", "*;q=0": None, "*;q=0, gzip": "gzip", "notgzip": None, "br": None,
}.items():
    got = answer(ours, url, HTTP_ACCEPT_ENCODING=value)
    assert got[0] == 200 and header(got, "Content-Encoding") == encoding, value
    assert header(got, "ETag") == (tag[:-1] + '-gzip"' if encoding else tag)
    assert (gzip.decompress(got[2]) if encoding else got[2]) == body
"""
    check(project, code)


def test_what_was_cut_short_is_for_ever_only_when_it_is_mended(project: Project) -> None:
    code = """
forever, awhile = "max-age=315360000, public, immutable", "max-age=60, public"
manifest = json.loads((settings.BASE_DIR / "staticfiles.json").read_text())["paths"]
for name in (manifest["css/site.css"], manifest["img/paper.png"]):
    ours, path, url = StaticFilesMiddleware(last), ROOT / name, "/static/" + name
    variants = {one: Path(f"{path}.{end}") for one, end in (("gzip", "gz"), ("br", "br")) if Path(f"{path}.{end}").exists()}
    body, packed = path.read_bytes(), {encoding: place.read_bytes() for encoding, place in variants.items()}
    def mend(place, content):
        time.sleep(0.01)
        place.with_name("t").write_bytes(content)
        place.with_name("t").rename(place)
    def ask(encoding=None, method="GET"):
        got = answer(ours, url, method, HTTP_ACCEPT_ENCODING=encoding or "")
        assert method == "HEAD" or int(header(got, "Content-Length")) == len(got[2]), got
        return header(got, "Cache-Control"), header(got, "Content-Encoding"), header(got, "Content-Length"), got[2]
    for _ in range(2):
        mend(path, body[:30])
        assert ask() == (awhile, None, "30", body[:30])
        assert ask(method="HEAD") == (awhile, None, "30", b"")
        mend(path, body)
        assert ask(method="HEAD") == (forever, None, str(len(body)), b"")
        assert ask() == (forever, None, str(len(body)), body), "and again, after it was kept"
    mend(path, bytes(reversed(body)))
    assert ask()[0] == awhile, "of the same size"
    mend(path, body)
    for encoding, place in variants.items():
        for broken in (packed[encoding][:20], packed[encoding][:-3], b"", bytes(reversed(packed[encoding])), gzip.compress(b"x")):
            assert ask(encoding) == (forever, encoding, str(len(packed[encoding])), packed[encoding])
            mend(place, broken)
            assert ask(encoding) == (forever, None, str(len(body)), body)
            mend(place, packed[encoding])
    assert len(variants) >= name.endswith(".css")
"""
    check(project, code)


def test_what_brotli_has_packed_is_served_for_a_while_where_nobody_can_unpack_it(project: Project) -> None:
    code = """
module.brotli = None
ours = StaticFilesMiddleware(last)
url = hashed("b.txt", b"b" * 999)
put(url[8:] + ".br", b"packed")
got = answer(ours, url, HTTP_ACCEPT_ENCODING="br")
assert (header(got, "Content-Encoding"), header(got, "Cache-Control"), got[2]) == ("br", "max-age=60, public", b"packed")
assert header(answer(ours, url), "Cache-Control") == "max-age=315360000, public, immutable"
"""
    check(project, code)


def test_a_storage_with_a_hash_of_its_own_proves_its_names(project: Project) -> None:
    (project.base / "config/own.py").write_text(
        "import hashlib\nfrom config.local_manifest_storage import LocalManifestStaticFilesStorage\n"
        "class Storage(LocalManifestStaticFilesStorage):\n    def file_hash(self, name, content=None):\n"
        "        return None if content is None else hashlib.sha256(b''.join(content.chunks())).hexdigest()[:10]\n"
    )
    project.configure('STORAGES["staticfiles"]["BACKEND"] = "config.own.Storage"')
    project.collectstatic()
    code = """
ours = StaticFilesMiddleware(last)
for name in json.loads((settings.BASE_DIR / "staticfiles.json").read_text())["paths"].values():
    for encoding in ("", "gzip", "br"):
        got = answer(ours, "/static/" + name, HTTP_ACCEPT_ENCODING=encoding)
        assert got[0] == 200 and header(got, "Cache-Control") == "max-age=315360000, public, immutable", (name, got)
(ROOT / name).write_bytes(b"cut")
assert header(answer(ours, "/static/" + name), "Cache-Control") == "max-age=60, public"
"""
    check(project, code)


@pytest.mark.parametrize(
    "lines",
    [
        "WHITENOISE_INDEX_FILE = True",
        "WHITENOISE_MAX_AGE = None\nWHITENOISE_ALLOW_ALL_ORIGINS = False\nWHITENOISE_CHARSET = 'latin-1'",
        "WHITENOISE_MIMETYPES = {'.css': 'text/x'}\nWHITENOISE_IMMUTABLE_FILE_TEST = r'site'",
        "def WHITENOISE_ADD_HEADERS_FUNCTION(headers, path, url):\n    headers['X-Where'] = url",
        "WHITENOISE_ROOT = BASE_DIR / 'assets'\nWHITENOISE_USE_FINDERS = True",
        "WHITENOISE_STATIC_PREFIX = '/other/'",
        "DEBUG = True",
    ],
)
def test_the_settings_of_whitenoise_mean_the_same(tmp_path: Path, lines: str) -> None:
    project = checkout(tmp_path)
    project.configure(lines)
    project.write({"page/index.html": "<p>page</p>"})
    project.collectstatic()
    code = """
put("index.html", b"top")
stock, ours = WhiteNoiseMiddleware(last), StaticFilesMiddleware(last)
names = ["", "page", "page/"] + [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")]
urls = ["/static", "/other"]
urls += [prefix + name for prefix in ("/static/", "/other/", "/") for name in names if name or prefix != "/"]
served = 0
for url in urls:
    expected, got = answer(stock, url), answer(ours, url)
    served += expected[0] == 200
    assert got[0] == expected[0] and (got == expected or expected[0] == 404), (url, expected, got)
assert served > 5, served
"""
    check(project, code)


def test_it_starts_without_reading_the_directory_or_with_none(project: Project) -> None:
    code = """
import sys
seen = []
reads = ("os.scandir", "os.listdir", "open")
sys.addaudithook(lambda event, args: seen.append((event, str(args[0]))) if event in reads else None)
StaticFilesMiddleware(last)
assert [one for one in seen if str(ROOT) in one[1]] == [], seen
WhiteNoiseMiddleware(last)
assert [one for one in seen if str(ROOT) in one[1]], "the check itself"
settings.STATIC_ROOT = str(ROOT / "later")
ours = StaticFilesMiddleware(last)
assert answer(ours, "/static/a.txt")[0] == 404
(ROOT / "later").mkdir()
put("later/b.txt", b"here")
assert answer(ours, "/static/b.txt")[2] == b"here"
"""
    check(project, code)


def test_files_of_other_releases_are_immutable_and_only_if_their_hash_is_true(project: Project) -> None:
    code = """
ours = StaticFilesMiddleware(last)
manifest = json.loads((settings.BASE_DIR / "staticfiles.json").read_text())["paths"]
forever = "max-age=315360000, public, immutable"
for url in [*("/static/" + name for name in manifest.values()), hashed("late/new.css", b"a {}"), hashed("late/pic.png", b"PNG")]:
    assert header(answer(ours, url), "Cache-Control") == forever, url
for url in [put("late/x.0123456789ab.css", b"b {}"), put("late/plain.css", b"c {}"), put("late/jquery.min.js", b"1")]:
    for _ in range(2):
        assert header(answer(ours, url), "Cache-Control") == "max-age=60, public", url
half = hashed("late/big.css", b"d" * 5000)
(ROOT / half[8:]).write_bytes(b"d" * 100)
assert header(answer(ours, half), "Cache-Control") == "max-age=60, public"
(ROOT / half[8:]).write_bytes(b"d" * 5000)
assert header(answer(ours, half), "Cache-Control") == forever
assert len(answer(ours, half)[2]) == 5000
"""
    check(project, code)


def test_a_miss_is_no_store_and_remembered_for_a_second_at_most(project: Project) -> None:
    code = """
clock = [1000.0]
module.time = type("T", (), {"monotonic": staticmethod(lambda: clock[0]), "time": staticmethod(time.time)})
ours = StaticFilesMiddleware(last)
url = "/static/late.css"
first = answer(ours, url)
assert first[0] == 404 and first[2] == b"the project's own page" and header(first, "Cache-Control") == "no-store"
put("late.css", b"late")
second = answer(ours, url)
assert second[0] == 404 and header(second, "Cache-Control") == "no-store" and asked == [url]
assert answer(ours, url, "POST")[0] == 405, "another method looks"
clock[0] += 1.01
assert answer(ours, url)[2] == b"late"
other = answer(ours, "/elsewhere")
assert other[0] == 404 and header(other, "Cache-Control") is None
"""
    check(project, code)


def test_the_memory_is_bounded(project: Project) -> None:
    code = """
module.MISSES = module.KEPT = 50
ours = StaticFilesMiddleware(last)
for number in range(300):
    answer(ours, f"/static/none{number}.css")
assert len(ours._misses) == 50
answer(ours, "/static/" + "x" * 600)
assert len(ours._misses) == 50 and not any(len(url) > 512 for url in ours._misses)
urls = [hashed(f"many/{number}.png", b"%d" % number) for number in range(120)]
for _ in range(2):
    for number, url in enumerate(urls):
        assert answer(ours, url)[2] == b"%d" % number
assert len(ours._kept) == 50 and len(ours.files) == 50 and len(ours._verdicts) <= 50
"""
    check(project, code)


def test_a_view_below_the_static_url_goes_on_deciding(project: Project) -> None:
    (project.base / "config/urls.py").write_text(
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        "def view(request):\n    return HttpResponse('hello', status=int(request.GET.get('s', 404)))\n"
        "urlpatterns = [path('static/view', view)]\n"
    )
    code = """
ours = StaticFilesMiddleware(last)
assert answer(ours, "/static/view")[2] == b"hello"
answer(ours, "/static/view")
assert asked == ["/static/view"] * 2
"""
    check(project, code)


def test_hostile_paths_get_nothing(project: Project) -> None:
    code = """
(ROOT.parent / "secret.txt").write_text("secret")
os.mkfifo(ROOT / "pipe"); (ROOT / "broken.css").symlink_to(ROOT / "nowhere"); (ROOT / "loop.css").symlink_to(ROOT / "loop.css")
(ROOT / "dir.0123456789ab.css").mkdir()
ours = StaticFilesMiddleware(last)
gz = next(path for path in ROOT.rglob("site.*.css.gz"))
urls = ["../secret.txt", "css/../../secret.txt", "./css/site.css", "css//site.css", "/etc/passwd", "//etc/passwd"]
urls += ["..\\\\secret.txt", "css\\\\site.css", "a\\0.css", "css/site.css\\0", "a" * 300, "a/" * 3000, "\\udcff", "css/site.css/"]
urls += ["css", "css/", "pipe", "broken.css", "loop.css", "loop.css/x", "dir.0123456789ab.css", "css/site.css/x"]
urls += [str(gz.relative_to(ROOT)), "%2e%2e/secret.txt", "..", ".", "../static/css/site.css", "\\u2025/secret.txt"]
for url in urls:
    got = answer(ours, "/static/" + url)
    assert got[0] == 404 and header(got, "Cache-Control") == "no-store", (url, got)
"""
    check(project, code)


def test_what_is_pruned_is_missing_and_a_lost_variant_is_not_offered(project: Project) -> None:
    code = """
ours = StaticFilesMiddleware(last)
url = "/static/" + json.loads((settings.BASE_DIR / "staticfiles.json").read_text())["paths"]["css/site.css"]
path = ROOT / url[8:]
assert header(answer(ours, url, HTTP_ACCEPT_ENCODING="gzip"), "Content-Encoding") == "gzip"
Path(f"{path}.gz").unlink()
for end in (".br",):
    Path(f"{path}{end}").unlink(missing_ok=True)
got = answer(ours, url, HTTP_ACCEPT_ENCODING="gzip")
assert got[0] == 200 and header(got, "Content-Encoding") is None and got[2] == path.read_bytes()
path.unlink()
got = answer(ours, url)
assert got[0] == 404 and header(got, "Cache-Control") == "no-store"
assert url not in ours.files and url not in ours._kept
"""
    check(project, code)


def test_a_shared_name_that_another_release_writes_is_never_cut_short(project: Project) -> None:
    code = """
ours = StaticFilesMiddleware(last)
path = ROOT / "shared.txt"
stop = threading.Event()
def write():
    size = 0
    while not stop.is_set():
        size = (size + 997) % 9000
        (ROOT / "t").write_bytes(b"z" * size)
        (ROOT / "t").rename(path)
put("shared.txt", b"z")
writer = threading.Thread(target=write); writer.start()
for _ in range(1500):
    got = answer(ours, "/static/shared.txt")
    assert got[0] != 200 or int(header(got, "Content-Length")) == len(got[2]), got
stop.set(); writer.join()
"""
    check(project, code)


def test_threads_find_prune_and_miss_together(project: Project) -> None:
    code = """
module.KEPT = module.MISSES = 20
ours = StaticFilesMiddleware(last)
files = {hashed(f"t/{number}.css", b"q" * number): b"q" * number for number in range(1, 60)}
wrong = []
def visit(offset):
    try:
        for turn in range(3):
            for url, body in list(files.items())[offset:] + list(files.items())[:offset]:
                if answer(ours, url)[2] != body:
                    wrong.append(url)
            answer(ours, f"/static/none{offset}{turn}")
    except Exception as error:
        wrong.append(repr(error))
threads = [threading.Thread(target=visit, args=(number * 7,)) for number in range(8)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
assert wrong == [], wrong
assert len(ours._kept) <= 20
"""
    check(project, code)


def test_under_asgi_the_answers_are_the_same_and_nothing_warns(project: Project) -> None:
    code = """
from django.core.asgi import get_asgi_application
application = get_asgi_application()
async def ask(path, method="GET", headers=()):
    sent = []
    done = asyncio.Event()
    got = iter([{"type": "http.request", "body": b""}])
    async def receive():
        for message in got:
            return message
        await asyncio.sleep(3600)
    async def send(message):
        sent.append(message)
    headers = [(b"host", b"www.example.com"), *headers]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
    await application(scope, receive, send)
    names = sorted((key.decode().lower(), value.decode()) for key, value in sent[0]["headers"])
    return sent[0]["status"], names, b"".join(part.get("body", b"") for part in sent[1:])
put("big.bin", os.urandom(300_000))
stock = WhiteNoiseMiddleware(last)
for name in [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and path.suffix not in (".gz", ".br")]:
    for headers in ({}, {"Range": "bytes=3-40"}, {"Accept-Encoding": "gzip"}):
        meta = {"HTTP_" + key.upper().replace("-", "_"): value for key, value in headers.items()}
        expected = tagged(answer(stock, "/static/" + name, **meta))
        raw = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
        got = asyncio.run(ask("/static/" + name, headers=raw))
        wanted = {(key.lower(), value) for key, value in expected[1]}
        assert got[0] == expected[0] and got[2] == expected[2], (name, headers)
        assert wanted <= set(got[1]), (wanted, got[1])
        plain = asyncio.run(ask("/static/" + name, "HEAD", raw))
        # RFC 9110 defines Range for GET alone.
        whole = asyncio.run(ask("/static/" + name, headers=[one for one in raw if one[0] != b"range"]))
        assert plain[::2] == (200, b"") and plain[1] == whole[1], (plain, whole)
        tag = (b"if-none-match", dict(got[1])["etag"].encode())
        assert asyncio.run(ask("/static/" + name, headers=[*raw, tag]))[::2] == (304, b"")
    for method, headers, status in (("POST", [], 405), ("GET", [(b"range", b"bytes=9999999-")], 416)):
        assert asyncio.run(ask("/static/" + name, method, headers))[::2] == (status, b"")
missed = asyncio.run(ask("/static/none.css"))
assert missed[0] == 404 and ("cache-control", "no-store") in missed[1]
assert asyncio.run(ask("/"))[0] == 200
"""
    project.configure(f"{OURS}\nMIDDLEWARE = MIDDLEWARE[:2]")
    check(project, code)


def test_an_old_gunicorn_serves_the_files_of_the_next_release_at_once(tmp_path: Path) -> None:
    old = checkout(tmp_path / "old")
    old.configure(f"{OURS}\nSTATIC_ROOT = BASE_DIR.parent.parent / 'shared'")
    old.collectstatic()
    new = checkout(tmp_path / "new")
    new.configure(f"{OURS}\nSTATIC_ROOT = BASE_DIR.parent.parent / 'shared'")
    new.write({"css/site.css": "b { color: red }\n" * 50})
    with gunicorn(old) as (place, _):
        name = "/static/css/late.0123456789ab.css"
        answer = ask(place, name)
        assert (answer.status, answer.headers["Cache-Control"]) == (404, "no-store")
        new.collectstatic()
        headers = {"Host": "www.example.com", "X-Forwarded-Proto": "https", "Accept-Encoding": "gzip"}
        for name in new.paths().values():
            answer = ask(place, f"/static/{name}", headers=headers)
            assert answer.status == 200 and "immutable" in answer.headers["Cache-Control"]
        assert ask(place, f"/static/{new.paths()['css/site.css']}", headers=headers).headers["Content-Encoding"] == "gzip"


def test_a_sites_own_test_for_immutable_files_is_logged(project: Project) -> None:
    code = """
import logging
said = []
logging.getLogger("config.static_middleware").addFilter(lambda record: said.append(record.getMessage()))
StaticFilesMiddleware(last)
assert said == []
settings.WHITENOISE_IMMUTABLE_FILE_TEST = r"site"
StaticFilesMiddleware(last)
assert len(said) == 1 and said[0].startswith("WHITENOISE_IMMUTABLE_FILE_TEST of the settings decides"), said
"""
    check(project, code)
