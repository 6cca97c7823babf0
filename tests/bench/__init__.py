"""Measurements, not tests: `make bench` and `make bench-quick` write docs/performance.md."""
