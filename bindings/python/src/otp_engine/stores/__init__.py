"""Stores on clients of the host's own, each an extra: ``psycopg``, ``psycopg2``, ``redis``.

They keep what the Rust stores of the same servers keep, by the same statements: services in Rust
and programs in Python may share one. Import the module that you need; it needs its client.
"""
