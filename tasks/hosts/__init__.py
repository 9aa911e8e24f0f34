"""The edge to the hosts: the only place that opens SSH."""
