"""The machines behind the stand-in cloud: what one must be able to do, and the kinds that exist."""
