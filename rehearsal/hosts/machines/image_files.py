"""What the golden image consists of; whatever is changed here gives another image.

Three layers, the lowest first: Debian, the site's virtual environment, and the settings: our snippets with the names changed that
they say to change, and what stands in for cloud-init. The first two take a minute and are cached, the third is written each time.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...installation import REQUIREMENTS, SNIPPETS

FILES = Path(__file__).parent / "files"
DOMAIN = "shop.example.com"
# Who is who on a machine: the snippets' own names. Files that are laid into a disk from outside need the numbers.
USER, UID = "deploy", 1000
SITE_USER, SITE_UID = "shop", 990
HOME = "/srv/shop"
SHARED = f"{HOME}/shared"  # where EFS is mounted

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "python3",
    "python3-venv",
    "git",
    "nginx-light",
    "procps",
    "iproute2",
    "ca-certificates",
    "curl",
    "cron",
)
# For anybody's site, besides: what the usual drivers of databases are linked with.
OF_SITES = ("libpq5", "libmariadb3")
NODE = ("nodejs", "npm")
# What the site's requirements.txt names, in the versions with which the rehearsal is tested.
WHEELS = ("django", "whitenoise", "gunicorn", "psycopg[binary]")
# Run in the new system, once Debian's packages are there.
SETUP = f"""
groupadd --gid {UID} {USER}
useradd --uid {UID} --gid {UID} --groups systemd-journal --create-home --shell /bin/bash {USER}
groupadd --system --gid {SITE_UID} {SITE_USER}
useradd --system --uid {SITE_UID} --gid {SITE_UID} --home-dir {HOME} --no-create-home --shell /usr/sbin/nologin {SITE_USER}
install -d -m 755 -o {USER} -g {SITE_USER} {HOME} {SHARED}
rm -f /etc/ssh/ssh_host_* /etc/nginx/sites-enabled/default /etc/hostname
rm -rf /var/log/journal
: >/etc/machine-id
chmod 755 /
"""
REQUIRED = {"gunicorn.service": ("ramped-whole.service",)}
ENABLED = {
    "multi-user.target": ("gunicorn.service", "cloud-final.service", "ramped-role.service", "ramped-host-keys.service"),
    "timers.target": ("ramped-role.timer",),
    "sockets.target": ("gunicorn.socket",),
    "sysinit.target": ("cloud-init.service",),
}
PROGRAMS = ("ramped-role", "ramped-image", "ramped-files", "ramped-scan", "ramped-freeze", "ramped-whole")
UNITS = (
    *("ramped-role.service", "ramped-role.timer", "ramped-jobs.target"),
    *("ramped-host-keys.service", "ramped-whole.service"),
)
# Of the settings that the site gets at boot.
STORE = "/shop/production"
_MAY_RESTART = "# deploy ALL=(root) NOPASSWD: /usr/bin/systemctl restart ramped-settings.service"
# What would go to the network by itself, or has no terminal here.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "console-getty.service")


@dataclass(frozen=True)
class File:
    """What is written into a layer."""

    text: str
    mode: int = 0o644


def base_key(suite: str, more: Sequence[str] = ()) -> str:
    """Return what names the layer of Debian: a digest of everything that it is made of. `more`: packages besides."""
    return _digest(suite, *PACKAGES, *more, SETUP)


def wheels() -> tuple[str, ...]:
    """Return the site's requirements, pinned as rehearsal/requirements.txt pins them."""
    pinned = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return tuple(next(line for line in pinned if line.startswith(f"{name}==")) for name in WHEELS)


def venv_key(base: str) -> str:
    """Return what names the layer of the virtual environment, on this layer of Debian."""
    return _digest(base, *wheels())


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def settings() -> Mapping[str, File]:
    """Return the files of the topmost layer, by their path."""
    ours = {name: (FILES / name).read_text(encoding="utf-8") for name in ("cloud-init", "cloud-final")}
    units = {f"{name}.service": (FILES / f"{name}.service").read_text(encoding="utf-8") for name in ours}
    units |= {name: _snippet(f"systemd/{name}", {}) for name in UNITS}
    return {
        "etc/nginx/conf.d/site.conf": File(_snippet("nginx/site.conf", {"www.example.com": DOMAIN})),
        "etc/systemd/system/gunicorn.service": File(
            _snippet("systemd/gunicorn.service", {"# RequiresMountsFor=": "RequiresMountsFor="})
        ),
        "etc/systemd/system/gunicorn.socket": File(_snippet("systemd/gunicorn.socket", {})),
        "etc/sudoers.d/ramped": File(_snippet("systemd/sudoers", {}), 0o440),
        "etc/systemd/journald.conf.d/rehearsal.conf": File("[Journal]\nStorage=volatile\n"),
        "etc/systemd/system/cron.service.d/run-once.conf": File(_snippet("systemd/run-once.conf", {})),
        "etc/ramped/image.conf": File(_snippet("systemd/image.conf", {})),
        **{f"usr/local/sbin/{name}": File(_snippet(f"systemd/{name}", {}), 0o755) for name in PROGRAMS},
        **{f"usr/local/lib/rehearsal/{name}": File(text, 0o755) for name, text in ours.items()},
        **{f"etc/systemd/system/{name}": File(text) for name, text in units.items()},
    }


def settings_at_boot() -> tuple[Mapping[str, File], Mapping[str, str]]:
    """Return the files and the links by which a site gets its settings at boot (docs/settings-at-boot.md)."""
    unit = "etc/systemd/system/ramped-settings.service"
    files = {
        unit: File(_snippet("systemd/ramped-settings.service", {"/shop/production": STORE})),
        "usr/local/sbin/ramped-settings": File(_snippet("systemd/ramped-settings", {}), 0o755),
        "usr/local/bin/aws": File((FILES / "aws").read_text(encoding="utf-8"), 0o755),
        "etc/systemd/system/gunicorn.service.d/settings.conf": File(_snippet("systemd/settings.conf", {})),
        "etc/sudoers.d/ramped": File(_snippet("systemd/sudoers", {_MAY_RESTART: _MAY_RESTART.removeprefix("# ")}), 0o440),
    }
    return files, {"etc/systemd/system/multi-user.target.wants/ramped-settings.service": f"/{unit}"}


def _snippet(name: str, changed: Mapping[str, str]) -> str:
    """Return a snippet as an operator would have changed it. Raises ValueError for a name that is no longer in it."""
    text = (SNIPPETS / name).read_text(encoding="utf-8")
    for old, new in changed.items():
        if old not in text:
            raise ValueError(f"settings_snippets/{name}: there is no {old!r} to change")
        text = text.replace(old, new)
    return text


def links() -> Mapping[str, str]:
    """Return the symbolic links of the topmost layer: what `systemctl enable` and `mask` make."""
    wanted = {
        f"etc/systemd/system/{target}.wants/{unit}": f"/etc/systemd/system/{unit}"
        for target, units in ENABLED.items()
        for unit in units
    }
    wanted |= {
        f"etc/systemd/system/{unit}.requires/{other}": f"/etc/systemd/system/{other}"
        for unit, others in REQUIRED.items()
        for other in others
    }
    return wanted | {f"etc/systemd/system/{unit}": "/dev/null" for unit in MASKED}
