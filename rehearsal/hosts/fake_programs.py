"""The commands on an instance's PATH that stand in for those of a real machine, or refuse before they reach the real one."""

import json
import shlex
import socket
import sys
from pathlib import Path

SUDO = """#!/bin/sh
list=
while [ $# -gt 0 ]; do
  case "$1" in
    -n|--non-interactive) shift ;;
    -l|--list) list=1; shift ;;
    --) shift; break ;;
    -*) echo "sudo: option $1 is not modelled by the rehearsal; modelled: -n, -l, --" >&2; exit 1 ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || { echo "usage: sudo [-n] [--] command" >&2; exit 1; }
[ -z "$list" ] || { command -v "$1"; exit; }
exec "$@"
"""
REFUSAL = """#!/bin/sh
echo "${0##*/}: not modelled by the rehearsal: an instance is a process of your own machine, and this would reach that" >&2
exit 1
"""
REFUSED = (
    *("reboot", "shutdown", "poweroff", "halt", "init", "telinit", "service", "systemd-run", "loginctl", "hostnamectl"),
    *("pkill", "killall", "mount", "umount", "apt", "apt-get", "dnf", "yum", "useradd", "adduser", "usermod", "crontab"),
)


def install(folder: Path, control: Path) -> None:
    """Write the stand-ins into a folder; `systemctl` and `journalctl` speak to the init over its control socket."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "sudo", SUDO)
    for name in ("systemctl", "journalctl"):
        words = [sys.executable, "-IS", __file__, str(control), name]
        _write(folder / name, f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    for name in REFUSED:
        _write(folder / name, REFUSAL)


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def ask(control: str, argv: list[str]) -> int:
    """Send a command line to the init, print its answer and return its exit code."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(control)
        except OSError as error:
            print(f"Failed to connect to the init of this instance: {error.strerror}", file=sys.stderr)
            return 1
        connection.sendall(json.dumps(argv).encode() + b"\n")
        with connection.makefile("rb") as answers:
            answer = json.loads(answers.read() or b'{"out": "", "err": "The instance went down.\\n", "code": 1}')
    sys.stdout.write(answer["out"])
    sys.stderr.write(answer["err"])
    return int(answer["code"])


if __name__ == "__main__":
    sys.exit(ask(sys.argv[1], sys.argv[2:]))
