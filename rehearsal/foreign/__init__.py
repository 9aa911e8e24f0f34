"""Somebody's own site in place of the shop: its repository, its Python, its database, its settings."""
