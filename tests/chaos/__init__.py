"""Two campaigns against real processes, and the seeded bugs; `./run chaos` begins in `__main__`.

* Crash: `plan` (which deaths), `campaign` (runs cells side by side), `cell` (a tenant's process), `deeds`, `gate`, `report`.
* Storm: `storm` (which acts), `storming` (the run), `monkey` with `api_faults`, `crew` with `nursery` and `skew`, `office`,
  `figures`, `verdict`.
* Both: `stage`, `vendors`, `control`, `company`, `movements`, `worker`, `checker`. Seeded bugs: `bugs`, `mutate`, `seeded`.

A new fault of a vendor goes into `api_faults`; what befalls our processes and servers is a `storm.Act`, counted in `_SMOKE` and
`_PR` and done in `Monkey.carry_out`. A new place to die around a call is a `plan.Point`, a new kind of call a `plan.Target` with
what `Deeds` arranges for it. A window anywhere else is named in `connectors.faults.POINTS`; where movements alone do not lead
workers there, `storming.READ_BACK` or its `occasions` say what does. The simulation has its own: `scenario.WRITE_FAULTS`, each a
method of `Line` by its name in `tests/simulation/books.py`.
"""
