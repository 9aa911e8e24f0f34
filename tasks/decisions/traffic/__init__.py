"""What visitors meet: health checks, the maintenance page, batches."""
