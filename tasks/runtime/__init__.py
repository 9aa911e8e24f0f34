"""What every command runs in: its Run, what the operator sees, waits, and what goes wrong."""
