import json
from pathlib import Path

import pytest

from tasks.errors import SettingsError
from tasks.settings.load import complaints, find, load
from tasks.settings.model import Settings
from tests.worlds.operator_folder import SETTINGS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "fabric.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(folder: Path, given: str | None = None, **environment: str) -> Settings:
    return load(folder, given, environment).settings


def wrong(folder: Path, given: str | None = None, **environment: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder, given, environment)
    assert caught.value.code == 2
    return str(caught.value).splitlines()


def add(folder: Path, text: str) -> None:
    (folder / "fabric.yaml").write_text(SETTINGS + text)


def test_the_nearest_file_is_taken(folder: Path) -> None:
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    assert find(deep) == folder / "fabric.yaml"
    (folder / "a" / "fabric.yaml").write_text(SETTINGS.replace("eu-central-1", "eu-west-1"))
    assert loaded(deep).aws.region == "eu-west-1"
    assert loaded(folder).aws.region == "eu-central-1"


def test_a_missing_file_is_one_line_that_says_what_to_copy(tmp_path: Path) -> None:
    assert wrong(tmp_path) == [
        f"no fabric.yaml in {tmp_path} or above it: copy settings_snippets/fabric.yaml to the folder of fabfile.py and fill it in"
    ]
    (tmp_path / "fabric.yml").touch()
    assert "(there is fabric.yml; the name must be fabric.yaml)" in wrong(tmp_path)[0]


def test_all_errors_come_at_once_with_their_lines(folder: Path) -> None:
    add(folder, "rollout:\n  surge: 0\n  batches: 2\nimage:\n  reboot: 'no'\nhosts: [a]\n")
    assert [line.split(";")[0] for line in wrong(folder, INVOKE_RESTART_BATCH="two")] == [
        "fabric.yaml:14: rollout.batches: unknown key",
        "fabric.yaml:17: hosts: unknown key",
        "fabric.yaml:16: image.reboot: found 'no' (text)",
        "fabric.yaml:13: rollout.surge: found 0 (a number)",
        "INVOKE_RESTART_BATCH: restart.batch: found 'two' (text)",
    ]


def test_broken_yaml_is_one_line(folder: Path) -> None:
    add(folder, "rollout: [\n")
    assert wrong(folder) == ["fabric.yaml:13:1: not YAML: expected the node content, but found '<stream end>'"]


def test_the_environment_wins_over_the_file_and_f_over_both(folder: Path) -> None:
    add(folder, "rollout:\n  surge: 2\n  poll: 3\n  timeout: 5000\n")
    (folder / "staging.yaml").write_text("rollout:\n  surge: 4\n")
    (folder / "staging.json").write_text(json.dumps({"rollout": {"surge": 5}, "groups": ["staging"]}))
    environment = {"INVOKE_ROLLOUT_SURGE": "3", "FABRIC_ROLLOUT_POLL": ".5"}
    assert loaded(folder).rollout.surge == 2
    assert loaded(folder, **environment).rollout.surge == 3
    settings = loaded(folder, "staging.yaml", **environment)
    assert (settings.rollout.surge, settings.rollout.poll, settings.rollout.timeout, settings.groups) == (4, 0.5, 5000, ("web",))
    assert loaded(folder, "staging.json").groups == ("staging",)


def test_old_names_are_warned_of_and_a_value_of_theirs_is_checked_under_the_new(folder: Path) -> None:
    add(folder, "restart:\n  deadline: 77\n")
    (folder / "staging.yaml").write_text("image:\n  deadline: 88\n")
    found = load(folder, "staging.yaml", {"INVOKE_APP_BOOT_DEADLINE": "99"})
    assert (found.settings.restart.timeout, found.settings.image.timeout, found.settings.app.boot_timeout) == (77, 88, 99)
    assert found.warnings == [
        "fabric.yaml:13: restart.deadline is now called restart.timeout; the old name still works",
        "INVOKE_APP_BOOT_DEADLINE: app.boot_deadline is now called app.boot_timeout; the old name still works",
        "staging.yaml:2: image.deadline is now called image.timeout; the old name still works",
    ]
    add(folder, "restart:\n  deadline: 0\n")
    assert wrong(folder)[0].startswith("fabric.yaml:13: restart.timeout: found 0")


def test_a_port_with_a_leading_zero_is_refused(folder: Path) -> None:
    (folder / "fabric.yaml").write_text(SETTINGS.replace("user: deploy", "user: deploy\n  port: 022"))
    message = "found '022' (text); allowed: a whole number from 1 to 65535 (without leading zeros)"
    assert wrong(folder) == [f"fabric.yaml:6: ssh.port: {message}"]
    assert wrong(folder, INVOKE_SSH_PORT="022") == [f"INVOKE_SSH_PORT: ssh.port: {message}"]


def test_the_files_of_the_user_and_of_invoke_are_levels_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    (home / ".invoke.yaml").write_text("restart: {batch: 2, timeout: 100}\nother: {tool: 1}\nssh: {user: me}\n")
    (home / ".fabric.json").write_text('{"restart": {"timeout": 200}, "aws": {"profile": "mine"}}')
    (folder / "invoke.yaml").write_text("restart: {timeout: 250}\naws: {profile: project}\n")
    settings = loaded(folder)
    assert (settings.restart.batch, settings.restart.timeout, settings.aws.profile, settings.ssh.user) == (
        2,
        250,
        "project",
        "deploy",
    )
    (home / ".invoke.yaml").write_text("restart: {batches: 2}\n")
    told = "home/.invoke.yaml:1: restart.batches: unknown key; did you mean restart.batch?; allowed: batch, timeout, patience"
    assert wrong(folder) == [told]


def test_a_complete_file_given_by_f_needs_no_fabric_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "all.yaml").write_text(SETTINGS)
    assert loaded(tmp_path, "all.yaml").groups == ("web",)
    (tmp_path / "all.yaml").write_text("")
    assert wrong(tmp_path, "all.yaml")[0].startswith("all.yaml: aws.region: missing")


def test_a_missing_or_foreign_file_given_by_f_is_an_error(folder: Path) -> None:
    assert wrong(folder, "nowhere.yaml") == ["-f nowhere.yaml: no such file; allowed: a settings file that exists"]
    assert wrong(folder, "fabfile.py")[0].startswith("-f fabfile.py: found a file of type '.py'")


def test_paths_begin_where_they_were_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "keys").mkdir()
    for path in (folder / "keys" / "a", folder / "b"):
        path.touch()
    add(folder, "")
    (folder / "fabric.yaml").write_text(SETTINGS.replace("user: deploy", "user: deploy\n  key: keys/a\n  known_hosts: ~/b"))
    monkeypatch.setenv("HOME", str(folder))
    (folder / "deep").mkdir()
    settings = loaded(folder / "deep")
    assert (settings.ssh.key, settings.ssh.known_hosts) == (str(folder / "keys/a"), str(folder / "b"))
    (folder / "deep" / "c").touch()
    assert loaded(folder / "deep", FABRIC_SSH_KEY="c").ssh.key == str(folder / "deep" / "c")
    assert wrong(folder, FABRIC_SSH_KEY="c") == [
        f"FABRIC_SSH_KEY: ssh.key: found '{folder}/c'; allowed: a file that exists, or null"
    ]
    assert loaded(folder, INVOKE_SSH_KEY="").ssh.key is None


def test_keys_of_invoke_are_handed_on(folder: Path) -> None:
    add(folder, "run: {dry: true}\nconnect_kwargs: {compress: true}\n")
    assert load(folder, None, {}).invoke == {"run": {"dry": True}, "connect_kwargs": {"compress": True}}
    add(folder, "run: {env: 5}\n")
    assert wrong(folder)[0].startswith("fabric.yaml: a key of Invoke or Fabric itself: Can't cleanly merge")


def test_reading_an_unreadable_folder_fails_in_a_line(folder: Path) -> None:
    (folder / "invoke.yaml").write_text("[1]")
    assert wrong(folder) == ["invoke.yaml: found a list of 1; allowed: sections such as aws: and app:"]


@pytest.mark.parametrize(
    "words", [["-f", "x.yaml"], ["-fx.yaml"], ["-f=x.yaml"], ["--config", "x.yaml"], ["deploy", "--config=x.yaml"]]
)
def test_the_file_of_f_is_found_on_the_command_line(folder: Path, words: list[str]) -> None:
    assert complaints(words, {}, {}) == "-f x.yaml: no such file; allowed: a settings file that exists"


def test_without_a_fault_there_are_no_complaints(folder: Path) -> None:
    assert complaints(["deploy", "--revision", "x"], {}, {}) is None
    assert (
        complaints([], {"INVOKE_RUNTIME_CONFIG": "y.yaml"}, {}) == "-f y.yaml: no such file; allowed: a settings file that exists"
    )
    assert complaints(["-f"], {}, {}) is None
