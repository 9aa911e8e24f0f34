"""What differs between the kinds of host as far as the rest of a rehearsal can see."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """Addresses, ports and places of one kind of host.

    `network` is the first part of the addresses of hosts, balancer and CDN; a relative path begins at the SSH user's home.
    """

    name: str
    network: int
    user: str
    ssh_port: int
    http_port: int
    home: str  # the folder of the checkout, the virtual environment and shop.env
    unit: str
    scheme: str  # of the visitors' requests, as X-Forwarded-Proto has it
    cdn_host: str | None  # the Host that the CDN sends to its origin; None: the visitor's
    summary: str

    def base(self, octet: int) -> str:
        """Return the first two parts of the addresses."""
        return f"{self.network}.{octet}"


PROCESSES = Kind(
    name="processes",
    network=127,
    user="admin",
    ssh_port=2222,
    http_port=8080,
    home="",
    unit="shop.service",
    scheme="http",
    cdn_host=None,
    summary="hosts are processes: the orchestration is real, machines are not",
)
# Everything that the snippets in settings_snippets are made for.
MACHINES = Kind(
    name="machines",
    network=10,
    user="deploy",
    ssh_port=22,
    http_port=80,
    home="/srv/shop/",
    unit="gunicorn.service",
    scheme="https",
    cdn_host="shop.example.com",
    summary="hosts are machines: systemd, sshd, sudo, nginx, gunicorn, PostgreSQL are real; EFS is a folder they share",
)
KINDS = {"processes": PROCESSES, "bare": PROCESSES, "machines": MACHINES}
