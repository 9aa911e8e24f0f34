"""Rollouts side by side with those of others: `python -m tests.benchmarks.rollout`."""
