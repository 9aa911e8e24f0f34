import importlib.util
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tasks.runtime import startup

TASKS = Path(startup.__file__).parents[1]


def test_no_module_hides_another() -> None:
    """`invoke` puts tasks/ first on the path: a module of ours would be found in the place of one of the same name."""
    ours = {path.stem for path in TASKS.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - {"__init__"}
    assert len(ours) > 6
    assert not ours & (sys.stdlib_module_names | set(packages_distributions()))


@pytest.mark.parametrize("path", sorted(TASKS.rglob("*.py")), ids=lambda path: str(path.relative_to(TASKS)))
def test_every_import_within_is_relative(path: Path) -> None:
    lines = [line.strip() for line in path.read_text().splitlines()]
    assert not [line for line in lines if line.startswith(("from tasks", "import tasks"))]


def test_a_fault_elsewhere_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # without fabric.yaml: there would be something to complain of
    seen: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: seen.append(kind))
    startup.explain_crashes()
    try:
        raise RuntimeError("a fault")
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    assert seen == [RuntimeError]


def test_the_package_is_found_once() -> None:
    spec = importlib.util.find_spec("tasks")
    assert spec is not None
    assert spec.origin == str(TASKS / "__init__.py")


@pytest.mark.parametrize(("module", "shown"), [("tasks.operations.ship", True), ("yaml.reader", False)])
def test_a_crash_within_a_task_is_not_taken_for_a_settings_file(
    module: str, shown: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no fabric.yaml here either, but Invoke had come as far as the task."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["inv", "ship"])
    body = {"__name__": module}
    exec("def crash(): raise RuntimeError", body)
    invoke = {"__name__": "invoke.program", "crash": body["crash"]}
    exec("def run(): crash()", invoke)
    with pytest.raises(RuntimeError) as caught:
        invoke["run"]()  # type: ignore[operator]
    assert (startup._settings_at_fault(caught.tb) is None) == shown
