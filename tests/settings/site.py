"""The least settings that a site can have."""

from tasks.settings.layers import Source, check, of_file
from tasks.settings.model import Settings
from tasks.settings.schema import build
from tests.worlds.operator_folder import REQUIRED


def site() -> Settings:
    return build(check(of_file(Source(REQUIRED, "f", "/", {})).leaves, "f")[0])
