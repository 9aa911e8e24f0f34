"""What a run reports: its events, notices to others, the log of commands."""
