"""Headless Chromium over its DevTools protocol, by two pipes: no library, no port.

with browser() as page:
    page.open(path)
    page.value("document.title")
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Nothing may be asked of the network: every name leads nowhere.
FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-default-browser-check"),
    *("--host-resolver-rules=MAP * ~NOTFOUND", "--force-color-profile=srgb", "--hide-scrollbars"),
)


@dataclass
class Page:
    """A page in a browser; `said` what its console and its log showed, `asked` the addresses that it requested."""

    to: int
    answers: Any
    session: str = ""
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    number: int = 0
    loaded: bool = False

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Make a call and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self.answers.read(1)) != b"\0":
            assert byte, "the browser ended"
            data += byte
        event: dict[str, Any] = json.loads(data)
        params = event.get("params", {})
        match event.get("method"):
            case "Log.entryAdded":
                self.said.append(params["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown":
                self.said.append(json.dumps(params))
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            case "Page.loadEventFired":
                self.loaded = True
        return event

    def open(self, path: Path) -> None:
        """Open a file and wait until it is loaded."""
        self.loaded = False
        self.call("Page.navigate", url=path.as_uri())
        while not self.loaded:
            self._next()

    def value(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window, and the preferred colours."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def shot(self, path: Path) -> bytes:
        """Write a picture of the whole page, and return it."""
        data = base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])
        path.write_bytes(data)
        return data


@contextmanager
def browser() -> Iterator[Page]:
    """Start a browser with an empty page; skips the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(prefix="ramped-browser-") as profile:
        # Chromium reads orders from file 3 and answers on file 4.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        words = ["bash", "-c", script, "bash", CHROMIUM, *FLAGS, *root, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            words, pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL, env={**os.environ, "HOME": profile}
        )
        os.close(theirs_in)
        os.close(theirs_out)
        with os.fdopen(ours_in, "rb") as answers:
            try:
                page = Page(ours_out, answers)
                target = next(t for t in page.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
                page.session = page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
                for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
                    page.call(f"{domain}.enable")
                yield page
            finally:
                os.close(ours_out)
                process.kill()
                process.wait(30)
