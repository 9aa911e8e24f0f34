"""Where the manifest of django-vite lies in the checkout."""

from tasks.decisions.setup import vite
from tasks.decisions.setup.facts import Facts


def facts(candidates: list[str], *, setting: str = vite.SETTING, own: bool = True) -> Facts:
    values = dict.fromkeys(Facts.__dataclass_fields__)
    values |= {"vite": {"default": candidates}, "vite_setting": setting, "own": [vite.SETTING] if own else []}
    return Facts(**values)  # type: ignore[arg-type]


def test_it_is_where_the_build_puts_it() -> None:
    both = ["/x/static/manifest.json", "/x/web/dist/manifest.json"]
    assert vite.manifests(facts(both), "/x", ["build: { outDir: resolve(__dirname, './dist') }"]) == {
        "default": "web/dist/manifest.json"
    }
    assert vite.manifests(facts(both), "/x", []) == {"default": ""}
    assert vite.manifests(facts(both[:1]), "/x", []) == {"default": "static/manifest.json"}
    assert vite.manifests(facts(["/elsewhere/manifest.json"]), "/x", []) == {"default": ""}


def test_the_lines_keep_what_the_settings_say() -> None:
    found = {"default": "dist/manifest.json"}
    lines = "\n".join(vite.settings_lines(facts([]), found))
    values = {"DJANGO_VITE": {"default": {"dev_mode": False}, "other": {}}, "_checkout": Checkout()}
    exec(lines, values)
    assert values["DJANGO_VITE"] == {"default": {"dev_mode": False, "manifest_path": "dist/manifest.json"}, "other": {}}
    assert "**" not in "\n".join(vite.settings_lines(facts([], own=False), found))
    legacy = list(vite.settings_lines(facts([], setting="DJANGO_VITE_MANIFEST_PATH"), found))
    assert legacy[-1] == 'DJANGO_VITE_MANIFEST_PATH = _checkout / "dist/manifest.json"'


class Checkout:
    """What `/` joins a path to."""

    def __truediv__(self, name: str) -> str:
        return name


def test_what_nobody_knows_is_left_to_do() -> None:
    assert not list(vite.settings_lines(facts([]), {"default": ""}))
    (line,) = vite.left(facts([]), {"default": "", "other": "x"}, "settings.py:3")
    assert line.startswith('settings.py:3: set DJANGO_VITE["default"]["manifest_path"]')


def test_its_configuration_is_known_by_name() -> None:
    assert vite.is_config("web/vite.config.mts") and not vite.is_config("vite.config.json")
