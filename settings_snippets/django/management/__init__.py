"""Commands of the app that this folder is copied into."""
