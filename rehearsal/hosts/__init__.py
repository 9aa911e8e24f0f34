"""The machines behind the stand-in cloud: their interface, and the kinds that exist."""
