"""The ways others go, each at its best batch size; see docs/benchmark.md. Each runs as a process of its own."""
