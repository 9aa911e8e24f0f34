"""The settings: one fabric.yaml, the environment and -f, checked as a whole."""
