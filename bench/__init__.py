"""Measurements of the whole gateway on this machine: `python -m bench [ROW …]`.

Every row starts a gateway of its own (durable servers, submitter, worker, simulator), measures one
thing over loopback, asks the doctor, and throws everything away. docs/benchmarks.md says how.
"""
