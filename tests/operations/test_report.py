"""`--report`: the page of a real rollout, looked at in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.report_page import add_requests
from rehearsal.traffic import Request
from tasks.errors import SettingsError
from tasks.operations.rollout import roll_out
from tests.worlds.browser import Page, browser
from tests.worlds.rolling_world import RollingWorld, rolling
from tests.worlds.shop_world import credentials

WIDE, NARROW = 1200, 390


@pytest.fixture(scope="module")
def rolled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RollingWorld, Path]]:
    """A rollout of three instances by its report."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    with pytest.MonkeyPatch.context() as patch:
        credentials(patch)
        with rolling(3) as world:
            run = world.run()
            run.report_to("rollout", None)
            run.journal.began()
            run.record(str(path))
            roll_out(run, {}, None)
            run.journal.ended("ok", 0)
            yield world, path


@pytest.fixture
def text(rolled: tuple[RollingWorld, Path]) -> str:
    return rolled[1].read_text()


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


def test_every_instance_has_a_lane_and_the_floor_was_kept(rolled: tuple[RollingWorld, Path], text: str) -> None:
    world, _ = rolled
    lanes = re.findall(r'aria-label="(i-\w+): ([^"]*)"', text)
    new = {member.id for member in world.staying()}
    assert len(lanes) == 6 and new < {id for id, _ in lanes}
    for id, life in lanes:
        assert ("launched for" in life or "booting for" in life) == (id in new), life
        # A drain of half a second may pass between two looks.
        assert ("draining" in life or "gone" in life) == (id not in new), life
    assert "never fewer than 3 served; the floor is 3" in text
    assert "autoscaling TerminateInstanceInAutoScalingGroup" in text
    assert "point the group at version 2" in text
    assert re.search(r"<h1><code>fab rollout</code> <span class=\"good\">ok</span>", text)


def test_it_needs_nothing_from_the_network(text: str) -> None:
    assert not re.findall(r"https?://|//[a-z]|<script|<link (?!rel=\"icon\" href=\"data:)|@import|url\(", text)


def test_a_browser_shows_it_without_a_complaint_at_both_widths(
    page: Page, rolled: tuple[RollingWorld, Path], tmp_path: Path
) -> None:
    pictures = set()
    for width in (WIDE, NARROW):
        for dark in (False, True):
            page.size(width, 900, dark=dark)
            page.open(rolled[1])
            pictures.add(page.shot(tmp_path / f"{width}-{'dark' if dark else 'light'}.png"))
            assert page.value("document.documentElement.scrollWidth") <= width
            bars = page.value(
                "[...document.querySelectorAll('.bar')].map(b => [b.clientWidth, b.getBoundingClientRect().right,"
                " Math.max(...[...b.querySelectorAll('i')].map(i => i.getBoundingClientRect().right))])"
            )
            assert len(bars) == 6
            for whole, edge, last in bars:
                assert whole > width / 3 and last == pytest.approx(edge, abs=2), "the spans end where the lane does"
    assert len(pictures) == 4, "light and dark, wide and narrow differ"
    assert page.said == []
    assert all(address.startswith(("file:", "data:")) for address in page.asked), page.asked


def test_a_lane_of_an_old_instance_ends_before_that_of_a_new_one(page: Page, rolled: tuple[RollingWorld, Path]) -> None:
    page.size(WIDE, 900)
    page.open(rolled[1])
    served = page.value(
        "[...document.querySelectorAll('.lanes tbody tr')].map(r => [r.querySelector('td').innerText,"
        " Math.max(...[...r.querySelectorAll('.healthy')].map(i => i.getBoundingClientRect().right))])"
    )
    old, new = ([right for version, right in served if version == number] for number in ("1", "2"))
    assert len(old) == len(new) == 3
    assert max(old) < min(new), "every new instance serves at the end, and no old one does"


def test_keyboard_and_screen_reader_reach_every_lane(page: Page, rolled: tuple[RollingWorld, Path]) -> None:
    page.size(WIDE, 900)
    page.open(rolled[1])
    reached = []
    for _ in range(7):  # the skip link comes first
        page.press("Tab", 9)
        reached.append(page.value("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"))
    assert reached[0] == "To the lanes"
    assert all(re.match(r"i-\w+: ", label) for label in reached[1:])
    assert page.value("getComputedStyle(document.activeElement.querySelector('.tip')).display") == "block"
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    spoken = {(n["role"]["value"], n["name"].get("value", "")) for n in nodes if "role" in n and "name" in n}
    assert sum(role == "image" and bool(re.match(r"i-\w+: ", name)) for role, name in spoken) == 6
    assert {name for role, name in spoken if role == "heading"} >= {"web", "Steps", "Changes and warnings"}


def test_it_can_be_printed(page: Page, rolled: tuple[RollingWorld, Path]) -> None:
    page.open(rolled[1])
    assert page.call("Page.printToPDF")["data"].startswith("JVBERi0")  # %PDF-


def test_a_rehearsal_adds_what_the_visitors_met(rolled: tuple[RollingWorld, Path], tmp_path: Path) -> None:
    copy = tmp_path / "page.html"
    copy.write_text(rolled[1].read_text())
    add_requests(copy, [Request(0.1, "page", "/", 200, "v1", ""), Request(0.2, "file", "/x", 404, "", "<404>")])
    assert "2 requests of visitors, 1 failed" in copy.read_text()
    assert "&lt;404&gt;" in copy.read_text() and "Not known to this run" not in copy.read_text()


def test_a_file_that_cannot_be_written_is_refused_before_anything_begins(
    rolled: tuple[RollingWorld, Path], tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="--report: .*: No such file or directory; allowed: a file that can be written"):
        rolled[0].run().record(str(tmp_path / "nowhere" / "page.html"))
