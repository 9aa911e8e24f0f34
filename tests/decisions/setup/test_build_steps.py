"""The steps by which a project builds its checkout are those that its own files have."""

import pytest

from tasks.decisions.setup.build_steps import build_steps, is_description, left_to_build, unbuilt

DOCKERFILE = r"""
FROM python:3.12
RUN --mount=type=cache,target=/var/cache/apt \
    # a comment within
    apt-get update && apt-get install -y gettext
RUN DATABASE_URL=sqlite://:memory: uv run -m manage tailwind --skip-checks build
RUN python -m django compilemessages --ignore .venv; ./manage.py rebuild "$INDEX" && echo manage.py done
RUN SECRET_KEY=x python /app/src/manage.py collectstatic --noinput && python manage.py compress && python manage.py migrate
RUN make assets "unbalanced
CMD python manage.py runserver
"""
MAKEFILE = """
STATIC := a/static
collectstatics: compile-scss clean-css docker-css install # comment
\tpython manage.py collectstatic --noinput
compile-scss:
\tpysassc in.scss $(STATIC)/out.css
clean-css:
\trm $(STATIC)/out.css
docker-css:
\tdocker compose run css
install:
\tpip install .
other: build
\techo other
build:
\techo build
"""


def test_the_steps_of_a_dockerfile_and_of_what_static_files_depend_on() -> None:
    found = build_steps({"docker/Dockerfile": DOCKERFILE, "Makefile": MAKEFILE}, "src/manage.py", [], npm=False)
    assert found.commands == (
        "make compile-scss",
        "python src/manage.py tailwind --skip-checks build",
        "python src/manage.py compilemessages --ignore .venv",
    )
    assert found.found == ("Makefile", "docker/Dockerfile")


@pytest.mark.parametrize(
    ("arguments", "builds"),
    [
        ("compilescss", True),
        ("build_css --minify", True),
        ("assets build", True),
        ("rebuild_assets", True),
        ("tailwind install", True),
        ("collectstatic_js_reverse", True),
        ("reset_db --noinput", False),
        ("seed_demo", False),
        ("populate --password=x", False),
        ("build_assets --password=x", False),
        ("build_assets --api-key x", False),
        ("build_search_index", False),
        ("rebuild_index", False),
        ("build_db", False),
        ("bundle_and_upload", False),
        ("tailwind start", False),
        ("makemessages", False),
        ("compress", False),
        ("draw --size=10", False),
        ("--build", False),
    ],
)
def test_of_manage_py_only_what_makes_files_is_a_step(arguments: str, builds: bool) -> None:
    found = build_steps({"Dockerfile": f"RUN python manage.py {arguments}\n"}, "manage.py", [], npm=False)
    assert found.commands == ((f"python manage.py {arguments}",) if builds else ())


@pytest.mark.parametrize(
    ("target", "recipe", "builds"),
    [
        ("build-css", "npm run build -- --release --deploy-url=/x", True),
        ("messages", "python manage.py compilemessages", True),
        ("messages", "python manage.py makemessages -a", False),
        ("release-build", "npm run build", False),
        ("build", "npm run build && git push --tags", False),
        ("build", "git tag v1", False),
        ("build", "$(MAKE) pre-release", False),
        ("build-db", "python build.py", False),
        ("reset-static", "rm -r x", False),
        ("js-seed", "node x", False),
        ("static-upload", "node x", False),
        ("assets", "aws s3 sync out s3://x", False),
    ],
)
def test_a_target_that_acts_on_more_than_files_is_no_step(target: str, recipe: str, builds: bool) -> None:
    rest = f"{target}: src/index.js\n\t{recipe}\n"
    for makefile, name in (
        (f"static: {target}\n\tpython manage.py collectstatic\n{rest}", target),
        # What it depends on runs too.
        (f"static: css\n\tpython manage.py collectstatic\ncss: {target} css\n\tsass\n{rest}", "css"),
    ):
        assert build_steps({"Makefile": makefile}, "manage.py", [], npm=False).commands == ((f"make {name}",) if builds else ())


def test_packages_that_build_do_so_once_and_npm_before() -> None:
    apps = ["django.contrib.admin", "django_tailwind_cli", "sass_processor"]
    found = build_steps({"Dockerfile": DOCKERFILE}, "manage.py", apps, npm=True)
    assert found.commands[:2] == ("npm ci --include=dev --no-audit --no-fund", "npm run build")
    assert found.commands[-1] == "python manage.py compilescss" and sum("tailwind" in step for step in found.commands) == 1
    assert found.found == ("Dockerfile", "the app sass_processor")
    assert build_steps({}, "manage.py", ["tailwind"], npm=False).commands == (
        "python manage.py tailwind install",
        "python manage.py tailwind build",
    )
    # npm alone is known by its lock file.
    assert build_steps({}, "manage.py", [], npm=True).commands == ()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Dockerfile", True),
        ("compose/production/django/Dockerfile", True),
        ("Dockerfile.prod", True),
        ("prod.Dockerfile", True),
        ("justfile", True),
        ("Dockerfile-dev", False),
        (".devcontainer/Dockerfile", False),
        ("compose/local/django/Dockerfile", False),
        ("docs/Makefile", False),
        ("Dockerfiles.md", False),
    ],
)
def test_files_that_say_how_visitors_get_the_site(name: str, expected: bool) -> None:
    assert is_description(name) is expected


def test_what_only_the_operator_can_name_is_said() -> None:
    build = '{"scripts": {"build": "vite build"}}'
    packages = {"package.json": build, "web/package.json": build, "docs/package.json": "{}", "bad/package.json": "["}
    names = {*packages, "package-lock.json", "web/yarn.lock", "docs/yarn.lock", "bad/yarn.lock"}
    (said,) = left_to_build(names, packages, [])
    assert said.startswith("fabric.yaml: app.build: web/package.json has a script to build, by yarn")
    assert list(left_to_build(names, packages, ["yarn --cwd web build"])) == []

    messages = {f"locale/{language}/LC_MESSAGES/django.{kind}" for language, kind in (("de", "po"), ("de", "mo"), ("fr", "po"))}
    (said,) = left_to_build(messages, {}, [])
    assert "locale/fr/LC_MESSAGES/django.po has no .mo beside it" in said
    assert list(left_to_build(messages, {}, ["python manage.py compilemessages"])) == []


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("templates/base.html:5: names the static file css/a.css, which collectstatic does not find", True),
        ("ManifestError: 'css/a.css' is not in the static files manifest /x/staticfiles.json. Mind", True),
        ("ValueError: Missing staticfiles manifest entry for 'css/a.css'", True),
        ("templates/base.html: does not compile: 'blok'", False),
    ],
)
def test_what_only_a_build_can_mend(failure: str, expected: bool) -> None:
    assert unbuilt(failure) is expected
