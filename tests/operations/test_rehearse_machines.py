"""The rehearsal on machines as a user runs it: whole, killed in the middle, and where it cannot be."""

import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from rehearsal import sandbox
from tests.operations.rehearsing import ROOT, eventually, rehearse, temporary, told, until
from tests.rehearsal.hosts.machines_support import groups, machines_here

__all__ = ["temporary"]  # a fixture


@machines_here
@pytest.mark.alone
@pytest.mark.long
def test_a_release_replaces_the_other_on_real_machines_and_no_request_fails(temporary: Path) -> None:
    code, out = told(rehearse("--hosts", "machines", "--instances", "2", "--further"))
    assert code == 0, out
    total = re.search(r"0 of (\d+) requests failed; version 2 replaced version 1", out)
    assert total and int(total[1]) > 300, out
    assert "hosts are machines" in out and "Traceback" not in out, out
    before, after = out.split("The fleet before")[1].split("The fleet after")
    assert before.count("InService  healthy  2 ") == 2 and after.count("InService  healthy  3 ") == 2, out
    # Nothing is left out of the image where nobody looks: the snippet's program was there and did it.
    assert re.search(r"put \d+ aside, dropped \d+ caches and leftovers", out), out
    # Refused, then behind the page; and a release that is dead on every web instance.
    assert "old code asks for shop_product.name, which is called title then" in out and "Either rewrite them" in out, out
    page = re.search(r"([1-9]\d*) of (\d+) pages were the maintenance page, for .* s; 0 requests failed otherwise", out)
    assert page and int(page[1]) < int(page[2]), out
    assert "shop-web: version 6 was rolled back to 5" in out and "`fab ship` of a" not in out, out
    assert "SHOP_COLOUR on the instances: red, red; now green, green" in out, out
    assert len(re.findall(r"\n0 of \d+ requests failed meanwhile", out)) == 4, out
    assert re.search(r"page +200 +v1 +\d+", out) and re.search(r"page +200 +v2 +\d+", out)


@machines_here
@pytest.mark.alone
@pytest.mark.long
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_the_machines_is_left_when_it_is_stopped(temporary: Path, blow: signal.Signals) -> None:
    before = groups()
    process = rehearse("--hosts", "machines")
    until(process, "-> collectstatic")
    own = groups() - before
    assert own
    if blow == signal.SIGINT:
        os.killpg(process.pid, blow)  # as a terminal does
    else:
        process.send_signal(blow)
    code, out = told(process)
    assert code == (-9 if blow == signal.SIGKILL else 1)
    assert "Traceback" not in out
    assert eventually(lambda: not own & groups()), "a control group remains, and with it processes"
    assert str(temporary) not in Path("/proc/self/mounts").read_text()


def test_where_no_machines_can_be_it_says_so_in_one_line(tmp_path: Path) -> None:
    powerless = ["unshare", "--user"] if os.geteuid() == 0 else []
    command = [*powerless, *sandbox.command("inv"), "rehearse", "--hosts", "machines"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith("machine hosts need "), done


def test_dry_says_where_it_would_be(tmp_path: Path) -> None:
    command = [*sandbox.command("inv"), "--dry", "rehearse", "--hosts", "machines"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "in network namespaces of its own" in done.stdout
