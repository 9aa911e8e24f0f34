"""What each command does, as a runbook."""
