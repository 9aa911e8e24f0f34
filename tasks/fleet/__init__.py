"""What several operations do to a whole fleet."""
