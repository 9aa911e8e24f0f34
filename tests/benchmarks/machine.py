"""On what a benchmark runs."""

import os
import platform
from pathlib import Path


def machine(*versions: str) -> str:
    """Return the processor and how busy it is, the kernel, the user, and versions, Python's first."""
    text = Path("/proc/cpuinfo").read_text()
    processor = next((line.partition(": ")[2] for line in text.splitlines() if line.startswith("model name")), platform.machine())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    user = "root" if os.geteuid() == 0 else "an ordinary user"
    known = ", ".join([f"Python {platform.python_version()}", *versions])
    return f"{os.cpu_count()} x {processor}, load {load}, Linux {platform.release()}, {user}; {known}"
