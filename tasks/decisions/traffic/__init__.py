"""Traffic: health checks, the maintenance page, batches."""
