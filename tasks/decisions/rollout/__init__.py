"""What happens next to a group: one function of one snapshot."""
