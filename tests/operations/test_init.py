"""`init` writes what a repository needs, and nothing over what it has."""

from pathlib import Path

import pytest

from tasks.errors import SettingsError
from tasks.operations import init as operation
from tests.worlds.operator_folder import ROOT

SNIPPETS = ROOT / "settings_snippets"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_it_writes_what_a_repository_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operation.init(tmp_path, dry=False)
    snippets = {f"settings_snippets/{name}" for name in files(SNIPPETS) - {"fabric.yaml"}}
    assert files(tmp_path) == {"fabfile.py", "tasks.py", "fabric.yaml"} | snippets
    assert (tmp_path / "fabric.yaml").read_text() == (SNIPPETS / "fabric.yaml").read_text()
    image = "settings_snippets/systemd/ramped-image"
    assert (tmp_path / image).stat().st_mode == (ROOT / image).stat().st_mode
    assert (
        (tmp_path / "fabfile.py").read_text()
        == (tmp_path / "tasks.py").read_text()
        == 'from tasks import ns\n\n__all__ = ["ns"]\n'
    )
    assert "written: fabfile.py\n" in capsys.readouterr().out


def test_what_exists_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fabric.yaml").write_text("mine\n")
    (tmp_path / "tasks").mkdir()
    operation.init(tmp_path, dry=False)
    assert (tmp_path / "fabric.yaml").read_text() == "mine\n"
    assert not (tmp_path / "tasks.py").exists()
    assert {"exists, kept: fabric.yaml", "exists, kept: tasks.py", "written: fabfile.py"} < set(
        capsys.readouterr().out.splitlines()
    )


def test_dry_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operation.init(tmp_path, dry=True)
    assert not files(tmp_path)
    assert "would write: fabfile.py\n" in capsys.readouterr().out


def test_without_the_drop_ins_it_says_what_to_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "_SNIPPETS", (tmp_path / "nowhere",))
    with pytest.raises(SettingsError, match="init needs the folder settings_snippets beside .*: copy it too"):
        operation.init(tmp_path, dry=False)
