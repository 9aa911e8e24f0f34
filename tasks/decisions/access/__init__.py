"""Access: host keys, certificates, locks, roles."""
