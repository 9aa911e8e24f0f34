"""The parts of a release: revision, migrations, files, images."""
