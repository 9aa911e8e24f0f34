"""The workers of a rehearsal: their broker, and the tasks that are sent and counted."""
