"""The version of ramped; pyproject.toml reads it here."""

VERSION = "1.1.0.dev0"
