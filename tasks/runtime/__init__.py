"""The runtime of every command: its Run, output, waits and errors."""
