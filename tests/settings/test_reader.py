from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SettingsError
from tasks.settings.reader import expand, read, read_option


def written(folder: Path, text: str | bytes, name: str = "fabric.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def complaint(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        read(path, path.name)
    assert caught.value.code == 2
    return str(caught.value)


def test_the_line_of_every_key_is_known(tmp_path: Path) -> None:
    source = read(written(tmp_path, "# hello\naws:\n  region: x\n\nimage:\n  tags:\n    a: b\n"), "fabric.yaml")
    assert source.lines == {"aws": 2, "aws.region": 3, "image": 5, "image.tags": 6, "image.tags.a": 7}
    assert (source.document, source.folder) == ({"aws": {"region": "x"}, "image": {"tags": {"a": "b"}}}, str(tmp_path))
    assert (source.at("aws.region"), source.at("aws.other")) == ("fabric.yaml:3", "fabric.yaml")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("aws:\n\tregion: x\n", "fabric.yaml:2:1: not YAML: found character '\\t' that cannot start any token"),
        ("aws: [1\ngroups: 2", "fabric.yaml:2:7: not YAML: expected ',' or ']', but got ':'"),
        ("a: b: c", "fabric.yaml:1:5: not YAML: mapping values are not allowed here"),
        ("aws:\n  region: x\naws:\n  profile: y\n", "fabric.yaml:3:1: not YAML: aws is in line 1 already"),
        ("ssh:\n  port: 1\n  user: x\n  port: 2\n", "fabric.yaml:4:3: not YAML: ssh.port is in line 2 already"),
        ("a: 1\n---\nb: 2\n", "fabric.yaml:2:1: not YAML: but found another document"),
        ("a: !!python/object:os.system x", "fabric.yaml:1:4: not YAML: could not determine a constructor for the tag"),
        ("a: *b", "fabric.yaml:1:4: not YAML: found undefined alias 'b'"),
        ("a: 'x", "fabric.yaml:1:6: not YAML: found unexpected end of stream"),
        ("{[]: 1}", "fabric.yaml:1:2: not YAML: found unhashable key"),
        ("day: 2024-13-45", "fabric.yaml: not YAML: month must be in 1..12"),
        (b"a: \xff", "fabric.yaml: not YAML: unacceptable character #x00ff: invalid start byte"),
        ("a: \x00", "fabric.yaml: not YAML: unacceptable character #x0000"),
    ],
)
def test_broken_yaml_is_one_line_with_its_place(tmp_path: Path, text: str | bytes, found: str) -> None:
    line = complaint(written(tmp_path, text))
    assert line.startswith(found)
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "found"),
    [("{", "x.json:1:2: not JSON: Expecting property name"), (b'"\xff"', "x.json: not JSON: invalid start byte")],
)
def test_broken_json_is_one_line_with_its_place(tmp_path: Path, text: str | bytes, found: str) -> None:
    assert complaint(written(tmp_path, text, "x.json")).startswith(found)


def test_merge_keys_of_yaml_may_repeat_what_they_bring(tmp_path: Path) -> None:
    text = "x: &x\n  a: 1\ny:\n  <<: *x\n  a: 2\n"
    assert read(written(tmp_path, text), "f").document == {"x": {"a": 1}, "y": {"a": 2}}


@pytest.mark.parametrize("text", ["022", "-01", "1:30", "190:20:30", "1_0", "0x10", "0b1", "1:30.5", "1_0.5", "01.5"])
def test_numbers_that_yaml_reads_in_another_base_stay_text(tmp_path: Path, text: str) -> None:
    assert read(written(tmp_path, f"a: {text}\n"), "f").document == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("22", 22), ("-5", -5), ("+5", 5), ("0.5", 0.5), (".5", 0.5), ("1.5e+3", 1500.0), (".inf", float("inf"))],
)
def test_decimals_are_numbers(tmp_path: Path, text: str, value: float) -> None:
    found = read(written(tmp_path, f"a: {text}\n"), "f").document
    assert found == {"a": value}
    assert type(found["a"]) is type(value)  # type: ignore[index]


def test_json_is_read(tmp_path: Path) -> None:
    assert read(written(tmp_path, '{"aws": {"region": "x"}}', "x.json"), "x.json").document == {"aws": {"region": "x"}}


def test_an_empty_file_is_nothing(tmp_path: Path) -> None:
    assert read(written(tmp_path, "# only a comment\n"), "f").document is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert complaint(tmp_path) == f"{tmp_path.name}: Is a directory"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("none.yaml", "-f none.yaml: no such file; allowed: a settings file that exists"),
        ("x.toml", "-f x.toml: found a file of type '.toml'; allowed: .yaml, .yml, .json"),
        ("x.py", "-f x.py: found a file of type '.py'; allowed: .yaml, .yml, .json"),
        ("folder", "-f folder: found a file of type ''; allowed: .yaml, .yml, .json"),
        ("folder.yaml", "folder.yaml: Is a directory"),
        ("~nobody-of-that-name/x.yaml", "-f ~nobody-of-that-name/x.yaml: no such file"),
    ],
)
def test_what_f_gives_must_be_a_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, found: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(SettingsError) as caught:
        read_option(given)
    assert str(caught.value).startswith(found)


def test_the_home_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert (expand("~/x"), expand("x"), expand("~nobody-of-that-name")) == (
        Path("/home/me/x"),
        Path("x"),
        Path("~nobody-of-that-name"),
    )


@given(st.text(alphabet="ab:-[]{}#&*!|>'\"%@`\n\t ,?0.~\x00é"))
def test_any_text_is_read_or_refused_in_one_line(tmp_path: Path, text: str) -> None:
    try:
        read(written(tmp_path, text), "f")
    except SettingsError as error:
        assert str(error).startswith("f")
        assert "\n" not in str(error)
