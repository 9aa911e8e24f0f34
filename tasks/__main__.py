"""`ramped`, or `python -m` and the name of this package: every command, without a fabfile."""

from invoke import Program

from . import ns
from .version import VERSION


def main() -> None:
    """Run the command that the command line names."""
    Program(version=VERSION, namespace=ns, name="ramped", binary="ramped").run()


if __name__ == "__main__":
    main()
