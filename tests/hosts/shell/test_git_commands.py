import shlex
import subprocess
from pathlib import Path

from tasks.hosts.shell import git_commands as git
from tasks.settings.model import App

APP = App(directory="app", services=("shop.service",), domain="shop.example.com", health_path="/health/")
G = "GIT_TERMINAL_PROMPT=0 git -C ~/app"
SUB = 'GIT_TERMINAL_PROMPT=0 git -C "$top" submodule'
DIR = "/home/me/app/.git"


def test_looking() -> None:
    assert git.git_directory(APP) == f"{G} rev-parse --absolute-git-dir"
    assert git.status(APP) == f"{G} status --porcelain=v2 -z --untracked-files=normal"
    assert git.head(APP) == f"{G} rev-parse --verify HEAD"
    assert git.interrupted(DIR) == "cat /home/me/app/.git/ramped/checkout 2>/dev/null || true"
    assert git.remote_head(APP, "v 2") == f"{G} ls-remote --quiet origin 'refs/tags/v 2' 'refs/heads/v 2'"


def test_fetching_takes_every_branch_whatever_the_clone_was_made_for() -> None:
    assert git.fetch(APP) == f"{G} fetch --quiet --force --prune --tags origin '+refs/heads/*:refs/remotes/origin/*'"


def test_a_name_is_a_tag_or_a_branch_of_origin() -> None:
    assert git.resolve(APP, "main") == (
        f"{G} rev-parse --verify --quiet 'refs/tags/main^{{commit}}' || "
        f"{G} rev-parse --verify --quiet 'refs/remotes/origin/main^{{commit}}'"
    )


def test_what_may_be_a_sha_is_tried_as_one() -> None:
    assert git.resolve(APP, "4f2a").endswith(f"|| {G} rev-parse --verify --quiet '4f2a^{{commit}}'")


def test_a_revision_cannot_smuggle_a_command_or_an_option() -> None:
    assert git.resolve(APP, "--help; reboot") == (
        f"{G} rev-parse --verify --quiet 'refs/tags/--help; reboot^{{commit}}' || "
        f"{G} rev-parse --verify --quiet 'refs/remotes/origin/--help; reboot^{{commit}}'"
    )


def test_checkout() -> None:
    assert git.checkout(APP, DIR, "abc", force=False) == (
        "mkdir -p /home/me/app/.git/ramped && echo abc > /home/me/app/.git/ramped/checkout && "
        f"{G} -c advice.detachedHead=false checkout --quiet --detach abc && "
        f"top=$({G} rev-parse --show-toplevel) && "
        f'if test -f "$top/.gitmodules"; then {SUB} --quiet sync --recursive && '
        f"{SUB} --quiet update --init --recursive --checkout && "
        f"if {SUB} status --recursive | grep '^[+U]' >&2; then "
        "echo 'these submodules are not at the commits that abc names' >&2; exit 1; fi; fi && "
        "rm -f /home/me/app/.git/ramped/checkout"
    )


def test_checkout_after_one_that_was_cut_short() -> None:
    command = git.checkout(APP, DIR, "abc", force=True)
    assert "&& rm -f /home/me/app/.git/index.lock && " in command
    assert "checkout --quiet --force --detach abc" in command
    assert "submodule --quiet update --init --recursive --checkout --force" in command


def test_our_own_files_are_kept_out_of_the_status() -> None:
    command = git.exclude_ours(DIR)
    for name in ("REVISION", "REVISION.new", "staticfiles.json", ".staticfiles.json.*"):
        quoted = shlex.quote(name)
        line = f"grep -qxF {quoted} /home/me/app/.git/info/exclude || echo {quoted} >> /home/me/app/.git/info/exclude"
        assert line in command


def test_git_ignores_our_files_in_any_folder_and_no_others(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    for folder in (tmp_path, tmp_path / "src/site"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("REVISION", "REVISION.new", "staticfiles.json", ".staticfiles.json.notes", "mine.json"):
            (folder / name).touch()
    for _ in range(2):
        subprocess.run(["bash", "-ec", git.exclude_ours(str(tmp_path / ".git"))], check=True)
    seen = subprocess.run(
        ["git", "-C", tmp_path, "status", "--porcelain", "--untracked-files=all"], check=True, capture_output=True, text=True
    )
    assert seen.stdout.split() == ["??", "mine.json", "??", "src/site/mine.json"]
    assert (tmp_path / ".git/info/exclude").read_text().count("REVISION.new") == 1
