"""The ways others go, each at its best batch size; see docs/benchmark.md. Each runs as a process of its own.

To add one: a module here that carries `source.rows` into Xero as `source.document` makes them, and exits with 0 at its end
(what it is given: `bench.race._environ`); a line in `bench.race.PEERS`, and it is in the race, under faults and before slow
vendors; its packages, where it has any, in `requirements-bench.lock`; its row in docs/benchmark.md.
"""
