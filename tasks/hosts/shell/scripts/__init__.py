"""Programs that the site's own Python runs on a host: Python 3.8 and newer, nothing beyond it but the site's Django.

Each is sent as text with a call of its `main` behind it (`program`), so it stands alone and imports nothing of this package.
"""
