"""What a release is made of: revision, migrations, files, images."""
