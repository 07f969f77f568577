-- What the server's owner wants of a session, not what another client set in it.
SELECT pg_is_in_recovery() AS standby,
    max(reset_val) FILTER (WHERE name = 'fsync') AS fsync,
    max(reset_val) FILTER (WHERE name = 'full_page_writes') AS full_page_writes,
    max(reset_val) FILTER (WHERE name = 'default_transaction_read_only') AS transaction_read_only,
    max(reset_val) FILTER (WHERE name = 'synchronous_commit') AS synchronous_commit,
    pg_backend_pid() AS process
    FROM pg_catalog.pg_settings
