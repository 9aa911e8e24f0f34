"""Who may: host keys, certificates, locks, roles."""
