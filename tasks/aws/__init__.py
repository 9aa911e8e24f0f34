"""The edge to AWS: a module per resource."""
