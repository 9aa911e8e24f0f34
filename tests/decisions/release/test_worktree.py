import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.decisions.release.worktree import Worktree, read_status

Git = Callable[..., str]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    def run(*words: str, at: str = "repo") -> str:
        (tmp_path / at).mkdir(exist_ok=True)
        config = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "protocol.file.allow=always"]
        done = subprocess.run(["git", *config, *words], cwd=tmp_path / at, check=True, capture_output=True, text=True)
        return done.stdout

    run("init", "-q", "-b", "main")
    (tmp_path / "repo" / "kept.py").write_text("one\ntwo\nthree\n")
    (tmp_path / "repo" / "two words.py").write_text("1\n")
    run("add", ".")
    run("commit", "-qm", "one")
    return run


def status(git: Git) -> Worktree:
    return read_status(git("status", "--porcelain=v2", "-z", "--untracked-files=normal"))


def test_a_clean_tree(git: Git) -> None:
    assert status(git) == Worktree((), ())


def test_changed_deleted_staged_renamed_and_new_files(git: Git, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    (repo / "two words.py").write_text("2\n")
    git("mv", "kept.py", "näme with ümlaut.py")
    (repo / "staged.py").write_text("new\n")
    git("add", "staged.py")
    (repo / "new dir").mkdir()
    (repo / "new dir" / "file").write_text("")
    tree = status(git)
    assert set(tree.changed) == {"two words.py", "näme with ümlaut.py", "staged.py"}
    assert tree.untracked == ("new dir/",)
    (repo / "two words.py").unlink()
    assert "two words.py" in status(git).changed


def test_a_conflict(git: Git, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    git("checkout", "-qb", "other")
    (repo / "kept.py").write_text("theirs\n")
    git("commit", "-qam", "theirs")
    git("checkout", "-q", "main")
    (repo / "kept.py").write_text("ours\n")
    git("commit", "-qam", "ours")
    with pytest.raises(subprocess.CalledProcessError):
        git("merge", "-q", "other")
    assert status(git).changed == ("kept.py",)


def test_a_submodule_at_another_commit_is_no_change_but_one_with_changed_files_is(git: Git, tmp_path: Path) -> None:
    git("init", "-q", "-b", "main", at="lib")
    (tmp_path / "lib" / "lib.py").write_text("1\n")
    git("add", ".", at="lib")
    git("commit", "-qm", "one", at="lib")
    git("submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
    git("commit", "-qm", "with a submodule")
    inside = tmp_path / "repo" / "lib"
    git("commit", "-q", "--allow-empty", "-m", "two", at="repo/lib")
    assert status(git) == Worktree((), ())
    (inside / "lib.py").write_text("2\n")
    assert status(git).changed == ("lib",)
