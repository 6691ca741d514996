"""Benchmarks behind the README's numbers; run each with `python -m benchmarks.NAME`."""
