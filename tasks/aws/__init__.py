"""The edge to AWS: one module for each noun."""
