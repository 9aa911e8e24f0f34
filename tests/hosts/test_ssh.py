"""One host over a real OpenSSH server."""

import http.server
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from tasks.decisions.release.invalidations import batches
from tasks.decisions.release.releases import url_path
from tasks.errors import HostUnreachable, Refused, RemoteFailed, TimedOut
from tasks.hosts.cdn import failures
from tasks.hosts.checkout import require_rights, require_site
from tasks.hosts.connecting import connect
from tasks.hosts.http import Limits, NoAnswer
from tasks.hosts.keys import Trust
from tasks.hosts.site import ask_health
from tasks.hosts.ssh import Host
from tasks.settings.model import App, Ssh
from tests.hosts import sshd


@pytest.fixture(scope="module")
def host(server: sshd.Sshd) -> Iterator[Host]:
    settings = Ssh(user=server.user, key=str(server.client_key), port=server.port, timeout=10)
    with connect("i-1", server.address, settings, Trust((server.host_key,), "a test")) as opened:
        yield opened


class Site(http.server.BaseHTTPRequestHandler):
    """Says what it was asked, and closes idle connections when told to."""

    protocol_version = "HTTP/1.1"
    connections = 0
    asked = 0
    paths: list[str] = []

    def setup(self) -> None:
        super().setup()
        type(self).connections += 1

    def do_GET(self) -> None:
        type(self).asked += 1
        type(self).paths.append(self.path)
        body = f"{self.path} for {self.headers['Host']}".encode()
        self.send_response(404 if "missing" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Vary", "Cookie")
        self.send_header("vary", "Accept")
        if "last" in self.path:
            self.send_header("Connection", "close")
        self.end_headers()
        if "slow" in self.path:
            time.sleep(0.2)
        if self.command == "GET":
            self.wfile.write(body)
        # The server hangs up without having said so, as one does whose keep-alive time has passed.
        self.close_connection = "hangup" in self.path or "last" in self.path

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[int]:
    Site.connections = Site.asked = 0
    Site.paths = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_tells_what_it_printed_and_how_it_ended(host: Host) -> None:
    answer = host.run("echo out; echo err >&2; exit 3", check=False)
    assert (answer.stdout, answer.stderr, answer.code) == ("out\n", "err\n", 3)
    assert answer.text == "out"


def test_a_failed_command_is_an_error_with_its_own_words(host: Host) -> None:
    with pytest.raises(RemoteFailed, match=r"i-1: `echo no such luck >&2; false` exited 1: no such luck"):
        host.run("echo no such luck >&2; false")


def test_a_failed_command_that_only_spoke_on_stdout_is_quoted_too(host: Host) -> None:
    with pytest.raises(RemoteFailed, match="exited 9: said so"):
        host.run("echo said so; exit 9")


def test_an_error_never_shows_the_password_in_an_address(host: Host) -> None:
    with pytest.raises(RemoteFailed) as caught:
        host.run("echo fetching https://me:hunter2@git.example.com/x >&2; false # https://tok3n@example.com/")
    assert "hunter2" not in str(caught.value) and "tok3n" not in str(caught.value)
    assert "https://***@git.example.com/x" in str(caught.value)


def test_a_long_command_goes_by_its_label(host: Host) -> None:
    with pytest.raises(RemoteFailed, match="i-1: `the long one` exited 1"):
        host.run("false", label="the long one")


def test_a_command_that_does_not_end_in_time_is_left_with_what_it_printed(host: Host) -> None:
    with pytest.raises(TimedOut, match="not within 4 s; last seen: begun"):
        host.run("echo begun; sleep 60", timeout=4)
    assert host.run("echo still there").text == "still there"


def test_a_command_that_prints_without_end_is_cut_off(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.hosts.ssh.execute.__defaults__", (1_000_000,))
    with pytest.raises(HostUnreachable, match="`yes` printed more than 0 MiB"):
        host.run("yes")
    assert host.run("echo still there").text == "still there"


def test_a_command_that_leaves_a_child_behind_ends_when_its_output_does(host: Host) -> None:
    assert host.run("sleep 60 >/dev/null 2>&1 & echo begun").text == "begun"


def test_output_that_comes_with_the_exit_code_is_not_lost(host: Host) -> None:
    for number in range(30):
        assert host.run(f"echo {number}; echo {number} >&2; exit {number % 3}", check=False).stdout == f"{number}\n"


def test_much_output_on_both_streams_arrives_whole(host: Host) -> None:
    # More than the window of an SSH channel, which blocks whoever reads one stream to its end first.
    answer = host.run("head -c 3000000 /dev/zero | tr '\\0' a; head -c 3000000 /dev/zero | tr '\\0' b >&2")
    assert (len(answer.stdout), len(answer.stderr)) == (3_000_000, 3_000_000)


def test_what_is_not_utf8_does_not_break_anything(host: Host) -> None:
    assert host.run(r"printf 'caf\351'").stdout.startswith("caf")


def test_nobody_answers_a_command_that_asks(host: Host) -> None:
    assert host.run("read -t 5 line; echo got:$line", check=False, timeout=30).text == "got:"


def test_several_commands_run_over_one_connection(host: Host) -> None:
    ports = {host.run("echo $SSH_CONNECTION").text for _ in range(3)}
    assert len(ports) == 1


def test_http_goes_through_ssh_and_the_connection_is_kept(host: Host, site: int) -> None:
    for number in range(3):
        answer = host.http("127.0.0.1", site, f"/page/{number}", {"Host": "shop.example.com"})
        assert (answer.status, answer.body) == (200, f"/page/{number} for shop.example.com".encode())
    assert Site.connections == 1


def test_http_asks_over_a_new_connection_when_wanted(host: Host, site: int) -> None:
    for _ in range(3):
        assert host.http("127.0.0.1", site, "/", fresh=True).status == 200
    assert Site.connections == 3


def test_http_asks_again_when_the_kept_connection_was_closed_meanwhile(host: Host, site: int) -> None:
    assert host.http("127.0.0.1", site, "/hangup").status == 200
    assert host.http("127.0.0.1", site, "/again").body.startswith(b"/again")
    assert Site.connections == 2


@pytest.mark.parametrize("path", ["/last", "/last/slow"])
def test_http_does_not_keep_a_connection_that_the_server_closes(host: Host, site: int, path: str) -> None:
    assert host.http("127.0.0.1", site, path).body.startswith(path.encode())
    assert host.http("127.0.0.1", site, "/next").status == 200
    assert Site.connections == 2


def test_http_head_has_no_body(host: Host, site: int) -> None:
    answer = host.http("127.0.0.1", site, "/", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] != "0"
    assert answer.headers["vary"] == "Cookie, Accept"  # each header of a name counts


def test_http_to_a_closed_port_says_so(host: Host) -> None:
    port = sshd.free_port("127.0.0.1")
    with pytest.raises(NoAnswer, match=f"http://127.0.0.1:{port} from i-1: refused"):
        host.http(None, port, "/")


def test_http_gives_up_on_a_server_that_does_not_answer(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NoAnswer, match="no answer within 1 s"):
            host.http(None, port, "/", limits=Limits(1, 1, 1000))


def test_http_to_something_that_is_no_web_server_is_no_answer(host: Host, server: sshd.Sshd) -> None:
    with pytest.raises(NoAnswer, match="closed before an answer came"):
        host.http(None, server.port, "/")


@contextmanager
def raw(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that answers a request as it likes, until the other side hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError), listener.accept()[0] as connection:
                connection.recv(65536)
                answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(30)


def without_end(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"])
def test_an_answer_of_a_byte_now_and_then_has_one_deadline(host: Host, head: bytes) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        while True:
            connection.sendall(b"H")
            time.sleep(0.05)

    with raw(drip) as port, pytest.raises(NoAnswer, match="no answer within [12] s"):
        host.http(None, port, "/", limits=Limits(1, 1.5, 1000))


def test_an_answer_without_end_is_cut_off(host: Host) -> None:
    with raw(without_end) as port, pytest.raises(NoAnswer, match="an answer of more than 64 KiB"):
        host.http(None, port, "/")


def test_json_that_is_nested_too_deeply_is_no_answer(host: Host) -> None:
    def nested(connection: socket.socket) -> None:
        body = b"[" * 60_000
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    app = App(directory="app", services=("shop.service",), domain="shop.example.com", health_path="/health", port=0)
    with raw(nested) as port:
        told, seen = ask_health(host, replace(app, port=port))
    assert told is None and "200 OK, revision unknown" in seen


def test_what_is_no_commit_is_no_revision(host: Host) -> None:
    def odd(connection: socket.socket) -> None:
        body = b'{"revision": "v2\\nok restart-all"}'
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    app = App(directory="app", services=("shop.service",), domain="shop.example.com", health_path="/health", port=0)
    with raw(odd) as port:
        assert ask_health(host, replace(app, port=port))[0] is None


NAMES = [
    "my photo",
    "größe",
    "日本",
    "50%",
    "a%20b",
    "c#",
    "q?",
    "'\"$(id)`id`",
    "..%2f..%2fetc",
    "+x;y=1&z",
    "[1]",
    "e\u0301",
    "~!*()",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_name_is_requested_as_djangos_static_writes_it(host: Host, site: int, name: str) -> None:
    from django.utils.encoding import filepath_to_uri

    path = url_path("/static/", f"img/{name}.0123456789ab.js")
    assert path == f"/static/{filepath_to_uri(f'img/{name}.0123456789ab.js')}"
    assert host.check_many([path], {"Host": "shop.example.com"}, port=site) == {}
    assert failures(f"http://127.0.0.1:{site}", [path], lambda text: None) == {}
    assert Site.paths == [path, path] and unquote(path) == f"/static/img/{name}.0123456789ab.js"
    assert batches([path], "/static/") == [[path]]


def test_many_paths_are_asked_and_only_the_bad_ones_told(host: Host, site: int) -> None:
    paths = [f"/static/{number}.css" for number in range(60)] + ["/static/missing.css"]
    assert host.check_many(paths, {"Host": "shop.example.com"}, port=site) == {"/static/missing.css": "404 Not Found"}
    assert Site.asked == 61
    assert Site.connections <= 8


def test_many_paths_of_a_dead_site_are_all_told(host: Host) -> None:
    port = sshd.free_port("127.0.0.1")
    paths = [f"/{number}" for number in range(40)]
    seen = host.check_many(paths, {}, port=port)
    assert list(seen) == paths
    assert all("refused" in text for text in seen.values())


def test_a_host_that_is_behind_another_is_reached_through_it(ssh: Ssh, host: Host, server: sshd.Sshd) -> None:
    with connect("i-2", server.address, ssh, Trust((server.host_key,), "a test"), via=host) as inner:
        assert inner.run("echo $SSH_CONNECTION").text.split()[0] == "127.0.0.1"


def test_a_gateway_that_cannot_reach_the_host_says_so(ssh: Ssh, host: Host, server: sshd.Sshd) -> None:
    with pytest.raises(HostUnreachable, match=r"i-2 .* cannot be reached through the gateway"):
        connect("i-2", server.address, replace(ssh, port=sshd.free_port("127.0.0.1")), Trust((), ""), via=host)


def test_a_server_that_forbids_forwarding_is_named(tmp_path: Path) -> None:
    closed = sshd.start(tmp_path / "closed", more="AllowTcpForwarding no")
    try:
        settings = Ssh(user=closed.user, key=str(closed.client_key), port=closed.port)
        trusted = Trust((closed.host_key,), "a test")
        with connect("i-3", closed.address, settings, trusted) as opened, pytest.raises(NoAnswer, match="AllowTcpForwarding"):
            opened.http(None, 80, "/")
    finally:
        closed.stop()


def test_a_command_that_survives_its_server_is_told_as_a_broken_connection(tmp_path: Path) -> None:
    dying = sshd.start(tmp_path / "dying")
    settings = Ssh(user=dying.user, key=str(dying.client_key), port=dying.port)
    try:
        trusted, broke = Trust((dying.host_key,), "a test"), "i-4: the connection broke while `the end` ran"
        with connect("i-4", dying.address, settings, trusted) as opened, pytest.raises(HostUnreachable, match=broke):
            # $PPID of the shell is the sshd of this very session
            opened.run("kill -9 $PPID; sleep 1", label="the end")
    finally:
        dying.stop()


@contextmanager
def own_server(folder: Path, more: str) -> Iterator[Host]:
    """A host with options of its own."""
    running = sshd.start(folder, more=more)
    try:
        settings = Ssh(user=running.user, key=str(running.client_key), port=running.port)
        with connect("i-5", running.address, settings, Trust((running.host_key,), "a test")) as opened:
            yield opened
    finally:
        running.stop()


def test_what_the_start_files_of_the_shell_print_is_no_answer_and_is_told_once(tmp_path: Path) -> None:
    (tmp_path / ".bashrc").write_text("echo welcome to; echo this machine\n")
    with own_server(tmp_path / "sshd", f"SetEnv HOME={tmp_path}") as host:
        told: list[str] = []
        host.when_noisy = told.append
        if host.read("echo $BASH_VERSION").text == "":
            pytest.skip("the shell of this user is not bash")
        answers = [host.read("echo one; exit 3", check=False), host.read("true")]
    assert [(one.stdout, one.code) for one in answers] == [("one\n", 3), ("", 0)]
    assert told == ["welcome to\nthis machine\n"]


def test_a_login_that_runs_something_else_is_told(tmp_path: Path) -> None:
    said = "`true` was not run; the login shell printed: This account is not available."
    force = "ForceCommand echo This account is not available."
    with own_server(tmp_path / "sshd", force) as host, pytest.raises(HostUnreachable, match=said):
        host.read("true")


def app_in(folder: Path) -> App:
    return App(directory=str(folder), services=("shop.service",), domain="shop.example.com", health_path="/health")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a checkout to another user")
def test_a_checkout_of_another_user_is_told_in_gits_words(host: Host, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path / "app"], check=True)
    for path in (tmp_path / "app", *(tmp_path / "app").rglob("*")):
        os.chown(path, 65534, 65534)
    with pytest.raises(Refused, match="belongs to another user: fatal: detected dubious ownership .*chown -R"):
        require_site(host, app_in(tmp_path / "app"))
    with pytest.raises(Refused, match="is no git checkout: clone the repository there"):
        require_site(host, app_in(tmp_path / "nowhere"))


def test_a_user_without_sudo_is_told_of_before_anything_changes(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sudo").write_text(
        '#!/bin/sh\ncase "$*" in *restart*) exit 0;; esac\necho "sudo: a password is required" >&2\nexit 1\n'
    )
    (tmp_path / "bin/sudo").chmod(0o755)
    (tmp_path / ".bashrc").write_text(f"PATH={tmp_path}/bin:$PATH\n")
    with own_server(tmp_path / "sshd", f"SetEnv HOME={tmp_path}") as host:
        if host.read("command -v sudo", check=False).text != f"{tmp_path}/bin/sudo":
            pytest.skip("the shell of this user is not bash")
        with pytest.raises(
            Refused, match="may not run `systemctl reset-failed shop.service` by sudo without a password: install"
        ):
            require_rights(host, app_in(tmp_path))


@pytest.mark.parametrize(
    ("count", "advice"),
    [(0, "ssh-agent does not run here, or holds no key"), (7, "ssh-agent holds 7 keys, and sshd gives up after 6")],
)
def test_a_failed_login_comes_with_the_advice_that_fits(
    server: sshd.Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, advice: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    socket_path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket_path)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
        end = time.monotonic() + 30
        while not socket_path.exists() and time.monotonic() < end:
            time.sleep(0.02)
        for number in range(count):
            sshd.make_key(tmp_path / f"key{number}")
            subprocess.run(["ssh-add", "-q", tmp_path / f"key{number}"], check=True)
        ssh = Ssh(user=server.user, port=server.port)
        with pytest.raises(HostUnreachable, match=f"authentication failed: .*{advice}"):
            connect("i-6", server.address, ssh, Trust((server.host_key,), "a test"))
    finally:
        agent.terminate()
        agent.wait()
