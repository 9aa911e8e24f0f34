"""What `init` decides: where things of a Django project lie, and what text they need; no I/O."""
