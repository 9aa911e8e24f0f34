"""The settings: fabric.yaml, environment variables and -f, checked together."""
