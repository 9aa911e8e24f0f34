"""known_hosts files: what they say by themselves, and held against OpenSSH for files that are generated."""

import base64
import hashlib
import hmac
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks.decisions.access.host_keys import canonical, fingerprint
from tasks.decisions.access.known_hosts import Damaged, Line, keys_of, matches, name_of, read, wildcard

ED = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB1zIaXQ8x2ZyZl0wT1aZrXQ1v7gqB6vZ2v8m1m5G4wQ"


def keys(text: str, *names: str, marker: str = "") -> tuple[str, ...]:
    return keys_of(list(read(text.encode())), names, marker)  # type: ignore[arg-type]


def damaged(data: bytes, *, bare: bool = False) -> list[int]:
    return [line.number for line in read(data, bare=bare) if isinstance(line, Damaged)]


def hashed(name: str, salt: bytes = b"s" * 20) -> str:
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def test_by_address_and_port() -> None:
    text = f"# mine\n\n10.0.0.1 {ED} a comment\n[10.0.0.1]:2222 {OTHER}\n"
    assert keys(text, "10.0.0.1") == (ED,)
    assert keys(text, name_of("10.0.0.1", 2222)) == (OTHER,)
    assert keys(text, name_of("10.0.0.1", 22), name_of("10.0.0.1", 2222)) == (ED, OTHER)
    assert keys(text, "10.0.0.2") == ()


def test_by_list_pattern_and_negation() -> None:
    text = f"web,10.0.0.* {ED}\n10.1.*,!10.1.0.9 {OTHER}\n[10.2.0.?]:2222 {ED}\n!a,* {OTHER}"
    assert keys(text, "10.0.0.77")[0] == keys(text, "WEB")[0] == ED
    assert keys(text, "10.1.0.8")[0] == OTHER and keys(text, "a") == ()
    assert keys(text, "10.1.0.9") == (OTHER,)  # only the last line still means it
    assert keys(text, "[10.2.0.5]:2222")[0] == ED


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    assert not matches(b"*a" * 400 + b"*b", "a" * 60) and wildcard("*.example.*", "shop.example.com")


def test_markers_say_what_a_line_is() -> None:
    text = f"web {ED}\nweb {OTHER}\n@revoked * {ED}\n@cert-authority mail {ED}\n@trusted web {OTHER}\n@revoked\tweb {OTHER}"
    assert keys(text, "web") == (ED, OTHER) and keys(text, "mail") == ()
    assert keys(text, "web", marker="@revoked") == (ED,)
    assert keys(text, "mail", marker="@cert-authority") == (ED,)
    assert damaged(text.encode()) == [5, 6]


def test_lines_that_say_nothing_are_told_by_their_numbers() -> None:
    lines = [
        b"alone",
        b"|1|x|y ssh-ed25519 AAAA",
        b"a ssh-ed25519 AAAA",
        b"a ssh-rsa " + ED.split()[1].encode(),
        b"\xff\xfe \x00",
    ]
    assert damaged(b"\n".join(lines)) == [1, 2, 3, 4, 5]
    # To Python these end a line too.
    odd = f"web {ED} \u2028evil {OTHER} \x0b\x0c\x1c\x85\nlast {OTHER}\r\n\r\n"
    assert keys(odd, "web") == (ED,) and keys(odd, "evil") == () and keys(odd, "last") == (OTHER,)
    assert damaged(odd.encode()) == []


def test_a_public_key_may_stand_alone_where_that_is_wanted() -> None:
    data = f"{ED} our CA\nhost {OTHER}\n@cert-authority *.example.com {OTHER}\nssh-ed25519 AAAAdamaged\n".encode()
    bare, host, authority, broken = read(data, bare=True)
    assert bare == Line(1, "", b"", ED) and host == Line(2, "", b"host", OTHER)
    assert authority == Line(3, "@cert-authority", b"*.example.com", OTHER)
    assert isinstance(broken, Damaged) and broken.number == 4


def test_a_key_is_whole_or_none() -> None:
    kind, data = ED.split()
    assert canonical(kind, data) == ED
    for end in range(len(data)):
        assert canonical(kind, data[:end]) is None
    assert canonical(kind, data + "AAAA") is None and canonical("ssh-rsa", data) is None and canonical(kind, "AAAA") is None


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("keys")
    made = []
    for kind, bits in (("ed25519", 256), ("rsa", 1024), ("rsa", 2048), ("ecdsa", 256), ("ecdsa", 384), ("ecdsa", 521)):
        path = folder / f"{kind}{bits}"
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-N", "", "-f", path], check=True)
        made.append(" ".join(path.with_suffix(".pub").read_text().split()[:2]))
    return made


NAMES = ("web", "10.0.0.1", "[10.0.0.1]:2222", "shop.example.com", "fd00::1", "[fd00::1]:2222")
PATTERNS = (
    *NAMES,
    "*",
    "?eb",
    "10.0.0.?",
    "10.0.*",
    "[10.0.0.1]:*",
    "*.example.com",
    "[10.0.0.[0-9]]:2222",
    "WEB",
    "",
    "!",
    "**b",
    "w*b*",
)


def often(usual: st.SearchStrategy[str] | str, *odd: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    """Draw the usual eight times of nine: a line with two oddities is damaged twice, and shows neither."""
    ways = [one if isinstance(one, st.SearchStrategy) else st.just(one) for one in (usual, *odd)]
    return st.integers(0, 8).flatmap(lambda luck: ways[0] if luck else st.one_of(*ways[1:]))


pattern = st.builds(lambda no, one: no + one, often("", "!", "!!"), st.sampled_from(PATTERNS))
plain = st.lists(pattern, min_size=1, max_size=4).map(",".join)
hash_of = st.builds(hashed, st.sampled_from(NAMES), often(st.just(b"s" * 20), st.just(b"s" * 19), st.just(b"t" * 20)))  # type: ignore[arg-type]
broken_hash = st.builds(lambda text, cut: text[:-cut], hash_of, st.integers(1, 40))
odd_hosts = st.sampled_from(["|1|", "|2|a|b", "|1|AAAA|AAAA", f"{hashed('web')},web", "x" * 1100 + ",web"])
hosts = often(st.one_of(plain, plain, hash_of), broken_hash, odd_hosts)
blank = often(st.sampled_from([" ", "\t", "  ", " \t "]), "")
marker = often(
    st.sampled_from(["", "", "@cert-authority ", "@revoked "]),
    st.sampled_from(["@revoked\t", "@revoke ", "@ ", "@revoked", "@revoked @revoked ", "@cert-authority @revoked "]),
)
comment = st.sampled_from(["", " a comment", "\t#x", "\r", " \r", " \u2028web ", "\x0b", "\0 hidden"])
alias = often("", st.sampled_from(["ssh-ed25519", "ssh-rsa", "rsa-sha2-256", "ssh-dss", "ecdsa-sha2-nistp256", "#", "256"]))
damage = often("", st.sampled_from(["cut", "flip", "blank", "pad", "more"]))
lead = often("", st.sampled_from([" ", "\t", "#", "\r"]))


@st.composite
def change(draw: st.DrawFn, count: int = 6) -> tuple[int, str, str, int, str]:
    """Return which key is written, under which kind, and how it is damaged."""
    return (
        draw(st.integers(0, count - 1)),
        draw(alias),
        draw(damage),
        draw(st.integers(0, 400)),
        draw(st.sampled_from("AB/=_\r\x0b")),
    )


@st.composite
def line(draw: st.DrawFn) -> tuple[str, tuple[int, str, str, int, str], str]:
    """Return what stands before the key, the key's change, and what stands behind it."""
    return draw(lead) + draw(marker) + draw(hosts) + draw(blank), draw(change()), draw(comment)


def written(pool: list[str], key: tuple[int, str, str, int, str]) -> str:
    number, alias, how, at, char = key
    kind, data = pool[number].split()
    at %= len(data)
    if how == "cut":
        data = data[:at]
    elif how == "flip":
        data = data[:at] + char + data[at + 1 :]
    elif how == "blank":
        data = data[:at] + char + data[at:]
    elif how == "pad":
        data += "=="
    elif how == "more":
        data = base64.b64encode(base64.b64decode(data) + b"x" * (at % 7)).decode()
    return f"{alias or kind} {data}"


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here: apt-get install openssh-client")
@settings(max_examples=min(settings().max_examples, 10_000))
@given(lines=st.lists(line(), min_size=1, max_size=8), name=st.sampled_from(NAMES))
@example(lines=[("@revoked\tweb ", (0, "", "", 0, "A"), "")], name="web")
@example(lines=[("@revoked\tweb", (0, "", "", 0, "A"), "")], name="web")
@example(lines=[("!!web,web ", (1, "rsa-sha2-512", "", 0, "A"), "")], name="web")
def test_openssh_answers_the_same(
    pool: list[str],
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[tuple[str, tuple[int, str, str, int, str], str]],
    name: str,
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "known_hosts_of_openssh"
    path.write_bytes("\n".join(before + written(pool, key) + behind for before, key, behind in lines).encode())
    ours = [
        (one.number, one.marker, fingerprint(one.key))
        for one in read(path.read_bytes())
        if isinstance(one, Line) and one.names([name])
    ]
    assert ours == openssh(path, name), path.read_bytes()


MARKERS = {"": "", "CA": "@cert-authority", "REVOKED": "@revoked"}


def openssh(path: Path, name: str) -> list[tuple[int, str, str]]:
    """Return line, marker and fingerprint of what `ssh-keygen -F` finds."""
    found = subprocess.run(["ssh-keygen", "-l", "-F", name, "-f", str(path)], capture_output=True).stdout.decode("latin-1")
    pairs = re.findall(r"^# Host .* found: line (\d+) ?(CA|REVOKED|)\s*\n.*?(SHA256:\S+)", found, re.M)
    return [(int(number), MARKERS[mark], shown) for number, mark, shown in pairs]
