"""Programs that the project's own Python runs, in `manage.py shell`; for Python 3.8 and later."""
