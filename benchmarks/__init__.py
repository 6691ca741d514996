"""The measurements that the README quotes, each runnable: `python -m benchmarks.NAME`."""
