"""A MySQL server of the test's own, where there is one in the PATH; Debian calls MariaDB by its name."""

import shutil
import subprocess

from tests.settings_snippets import mariadb


def _found() -> str | None:
    """Return the program, unless it is MariaDB."""
    program = shutil.which("mysqld")
    if program is None:
        return None
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return None if "MariaDB" in said or not said else program


SERVER = _found()


class Server(mariadb.Server):
    """What the test may do to the server."""

    program = SERVER
    options = (
        "--innodb-doublewrite=OFF",
        "--innodb-redo-log-capacity=8M",
        "--skip-log-bin",
        "--mysqlx=OFF",
        "--secure-file-priv=NULL",
    )
    shows_locks = ()  # it always does

    def create(self) -> None:
        if self._who:
            shutil.chown(self.folder, "nobody", "nogroup")
        self._run([self.program, "--no-defaults", "--initialize-insecure", f"--datadir={self.folder}/data", *self.options])
