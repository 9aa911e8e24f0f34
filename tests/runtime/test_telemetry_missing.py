import sys

import pytest

from tasks.errors import SettingsError
from tasks.runtime.telemetry import spans_of_environment


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*(name for name in sys.modules if name.startswith("opentelemetry")), "opentelemetry"]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingsError, match=r"telemetry\.spans: found true, but .* pip install 'ramped\[telemetry\]'"):
        spans_of_environment(print)
