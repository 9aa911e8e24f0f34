"""A disk of a machine with jobs of the management instance on it."""

import shutil
from pathlib import Path

from tests.rehearsal.hosts.machines_support import Instance
from tests.settings_snippets.project import SNIPPETS

CELERY = """
import pathlib, signal, socket, sys
job = next(word for word in sys.argv if word in ("worker", "beat"))
with open("/srv/shop/shared/jobs", "a") as file:
    file.write(f"{job} {socket.gethostname()}\\n")
if job == "beat":
    pathlib.Path(sys.argv[sys.argv.index("--schedule") + 1]).touch()
signal.pause()
"""


# Soon is what takes a minute in the snippets.
HURRY = {
    "etc/systemd/system/ramped-role.service.d/hurry.conf": "[Service]\nEnvironment=RAMPED_PATIENCE=2\n",
    "etc/systemd/system/ramped-role.timer.d/hurry.conf": (
        "[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnActiveSec=1\nOnUnitInactiveSec=1\nAccuracySec=100ms\n"
    ),
}


# The units are confined: as their comments say, what a task writes is named.
WRITES = "[Service]\nReadWritePaths=/srv/shop/shared\n"


SHOWS = {"MetadataOptions": {"InstanceMetadataTags": "enabled"}}


def disk(folder: Path) -> Path:
    """Make a disk with the jobs on it, as an operator would have set them up: the units enabled, cron's package installed."""
    units = folder / "etc/systemd/system"
    (units / "ramped-jobs.target.wants").mkdir(parents=True)
    for name in ("celery-worker.service", "celery-beat.service"):
        shutil.copy(SNIPPETS / "systemd" / name, units / name)
        (units / "ramped-jobs.target.wants" / name).symlink_to(f"/etc/systemd/system/{name}")
    files = {
        **HURRY,
        **{f"etc/systemd/system/celery-{job}.service.d/writes.conf": WRITES for job in ("worker", "beat")},
        "srv/shop/app/celery.py": CELERY,
        "etc/cron.d/job": '@reboot root echo "cron $(hostname)" >>/srv/shop/shared/jobs\n',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def states(host: Instance) -> set[str]:
    return set(host.shell("systemctl is-active celery-worker celery-beat cron ramped-jobs.target").stdout.split())
