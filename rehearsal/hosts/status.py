"""The state of a service, in systemd's terms."""

import time
from dataclasses import dataclass, field


@dataclass
class Status:
    """What `systemctl show` knows of a running or a dead service; times are seconds since the epoch."""

    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    text: str = ""
    main_pid: int = 0
    exit_code: str = ""
    exit_status: int = 0
    restarts: int = 0
    since: float = 0.0
    started: float = 0.0
    starts: list[float] = field(default_factory=list)

    def enter(self, active: str, sub: str) -> None:
        """Change the state."""
        if active != self.active:
            self.since = time.time()
        self.active, self.sub = active, sub
