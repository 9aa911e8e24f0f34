"""Programs that the site's own Python runs on a host: Python 3.8 and newer, with no library but the site's Django.

Each is sent as text followed by a call of its `main` (`program`), so it imports nothing of this package.
"""
