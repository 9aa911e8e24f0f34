"""`rehearse --project`: a site of one's own, as `django-admin startproject` makes it; a good release, and one with faults."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.operations.rehearsing import DURATION, rehearse, temporary, told
from tests.rehearsal.hosts.machines_support import machines_here

__all__ = ["temporary"]  # a fixture

VIEWS = """from django.shortcuts import redirect, render
from news.models import Story

def home(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return render(request, "home.html", {"stories": list(Story.objects.all())})

def old(request):
    return redirect("/about/")
"""
URLS = """from django.urls import path
from django.views.generic import TemplateView
from news import views

urlpatterns = [path("", views.home), path("old/", views.old), path("about/", TemplateView.as_view(template_name="about.html"))]
"""
HOME = """{% load static %}<!doctype html><link rel="stylesheet" href="{% static 'news/site.css' %}">
<img srcset="{% static 'news/a.svg' %} 1x"><a href="/old/">old</a>{% for story in stories %}{{ story.title }}{% endfor %}"""
MODEL = """from django.db import models

class Story(models.Model):
    title = models.CharField(max_length=100)
"""


def commit(site: Path) -> None:
    person = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["add", "--all"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", "-C", str(site), *person, *words], check=True)


def manage(site: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "manage.py", *arguments], cwd=site, check=True)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A first release, that nobody has set up for ramped."""
    folder = tmp_path / "gazette"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "django", "startproject", "gazette", str(folder)], check=True)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    manage(folder, "startapp", "news")
    settings = folder / "gazette/settings.py"
    settings.write_text(settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'news',"))
    files = {
        "requirements.txt": "django==5.2.*\n",
        ".gitignore": "db.sqlite3\n__pycache__/\n",
        "gazette/urls.py": URLS,
        "news/views.py": VIEWS,
        "news/models.py": MODEL,
        "news/templates/home.html": HOME,
        "news/templates/about.html": "<!doctype html>about",
        "news/static/news/site.css": "body { background: url(a.svg) }\n",
        "news/static/news/a.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    manage(folder, "makemigrations", "news", "-v0")
    commit(folder)
    return folder


def release(site: Path, about: str) -> None:
    """Commit a second release with a compatible migration, another style, and another page `about`."""
    (site / "news/models.py").write_text(f"{MODEL}    body = models.TextField(null=True)\n")
    manage(site, "makemigrations", "news", "-v0")
    with (site / "news/static/news/site.css").open("a") as style:
        style.write("p { color: red }\n")
    (site / "news/templates/about.html").write_text(about)
    commit(site)


@pytest.mark.long
def test_a_site_that_nobody_has_set_up_is_released_and_goes_back(temporary: Path, site: Path) -> None:
    release(site, "<!doctype html>more about")
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    fill = f"python manage.py showmigrations news >{site.parent}/filled"
    code, out = told(rehearse("--project", str(site), "--instances", "2", "--fill", fill))
    assert code == 0, out
    assert re.search(r"^0 of [\d,]+ requests failed; version 2 replaced version 1", out, re.M), out
    assert "[X] 0001_initial" in (site.parent / "filled").read_text()
    assert "pages of the site: /, /old/" in out and re.search(r"page +200 +v1", out) and re.search(r"page +200 +v2", out)
    assert "$ fab rollback" in out and "UnauthorizedOperation" not in out and "0 of " in out.split("$ fab rollback")[1]
    assert re.search(rf"^  v2 +\d+ +\d+ MiB +{DURATION}$", out, re.M), out
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


@machines_here
@pytest.mark.alone
@pytest.mark.long
def test_on_machines_it_is_set_up_by_the_files_that_init_writes(temporary: Path, site: Path) -> None:
    release(site, "<!doctype html>more about")
    code, out = told(rehearse("--project", str(site), "--instances", "2", "--hosts", "machines"))
    assert code == 0, out
    assert re.search(r"^0 of [\d,]+ requests failed; version 2 replaced version 1", out, re.M), out
    assert "hosts are machines" in out and re.search(r"put \d+ aside, dropped \d+ caches and leftovers", out), out
    assert "0 of " in out.split("$ fab rollback")[1] and "UnauthorizedOperation" not in out, out
    assert re.search(rf"^  v2 +\d+ +\d+ MiB +{DURATION}$", out, re.M), out
    assert not list(temporary.iterdir()) and str(temporary) not in Path("/proc/self/mounts").read_text()


@pytest.mark.long
def test_faults_that_a_deploy_does_not_meet_are_named(temporary: Path, site: Path) -> None:
    """The page that is wrong is not among those that a deploy asks."""
    release(site, "{% load static %}<!doctype html><img src=\"{% static 'news/forgotten.png' %}\">")
    code, out = told(rehearse("--project", str(site), "--instances", "1"))
    assert code == 1, out
    assert "status 500: ManifestError: 'news/forgotten.png' is not in the static files manifest" in out, out
    assert "news/templates/about.html:1: names the static file news/forgotten.png, which collectstatic does not find" in out


def test_wrong_usage_is_one_line(temporary: Path, tmp_path: Path) -> None:
    for arguments, expected in (
        (["--project", str(tmp_path / "nowhere")], "--project: "),
        (["--project", str(tmp_path)], "git rev-parse exited 128"),
    ):
        code, out = told(rehearse(*arguments))
        assert code in (1, 2) and expected in out and "Traceback" not in out, out
