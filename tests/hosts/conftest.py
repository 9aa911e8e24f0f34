from collections.abc import Iterator

import pytest

from tasks.settings.model import Ssh
from tests.hosts import sshd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    if sshd.SSHD is None:
        pytest.skip("no sshd here: apt-get install openssh-server")
    running = sshd.start(tmp_path_factory.mktemp("sshd") / "server")
    yield running
    running.stop()


@pytest.fixture
def ssh(server: sshd.Sshd) -> Ssh:
    return Ssh(user=server.user, key=str(server.client_key), port=server.port, timeout=10)
