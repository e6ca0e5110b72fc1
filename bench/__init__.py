"""The benchmark: ours against the peers, in one run on one machine. See docs/benchmark.md."""
