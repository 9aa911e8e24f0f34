"""A site that is installed and built by commands of its own, with an environment file of its own."""

from pathlib import Path

import pytest

from tasks.errors import Refused, RemoteFailed
from tasks.hosts import building, checkout
from tasks.hosts.management import open_management
from tests.worlds.shipping_world import world_in
from tests.worlds.shop_world import credentials, sh

CSS, JS = "shop/static/shop/css/shop.css", "shop/static/shop/js/built.js"
SECRET = "s3cret-token"
OWN = {
    "install": ("python -c 'import sys; print(sys.prefix)' >> ../installed",),
    "build": (f'test "$TOKEN" = {SECRET[:6]}-token && echo "/* built */" >> {CSS}', f"echo 'built()' > {JS}"),
    "after_collectstatic": ("python manage.py check > ../checked",),
    "environment_file": "site.env",
}


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials(monkeypatch)


def test_what_a_build_leaves_does_not_refuse_the_next_release(tmp_path_factory: pytest.TempPathFactory) -> None:
    with world_in(tmp_path_factory) as world, open_management(world.run())[1] as host:
        disk: Path = world.disk()

        def deploy(revision: str, **app: object) -> None:
            run = world.run(app=OWN | app)
            checkout.require_clean(run, host)
            checkout.switch(run, host, revision)
            building.install_and_build(run, host, revision)
            building.after_collectstatic(run, host, revision)

        with pytest.raises(RemoteFailed, match=r"app\.environment_file reads its environment from .*/site\.env, which the user"):
            deploy(world.v1)
        needs = r"app holds no more\.txt, and no lock file of uv, .* set app\.requirements .* or app\.install"
        with pytest.raises(Refused, match=needs):
            deploy(world.v1, install=None, requirements=("requirements.txt", "more.txt"))

        (disk / "site.env").write_text(f"TOKEN={SECRET}\n")
        deploy(world.v1)
        assert (disk / "installed").read_text() == f"{disk}/venv\n"
        assert "System check identified no issues" in (disk / "checked").read_text()
        assert sh("git status --porcelain", disk / "app").splitlines() == [f"M {CSS}", f"?? {JS}"]

        css = (disk / "app" / CSS).read_text()
        (disk / "app" / CSS).write_text("by hand")
        with pytest.raises(Refused, match=rf"have uncommitted changes: {CSS}\."):
            deploy(world.v1)
        (disk / "app" / CSS).write_text(css)

        # The next release has the built file among its own.
        later = world.commit({JS: "committed()\n"}, onto=world.v1)
        sh("git fetch -q origin", disk / "app")
        with pytest.raises(RemoteFailed, match=r"`app\.build: false` exited 1"):
            deploy(later, build=(f"echo >> {CSS}", "false"))
        deploy(later, build=())
        assert sh("git status --porcelain", disk / "app") == ""
        assert "untracked" not in world.printed and SECRET not in world.printed
