#!/bin/sh
# Run once by the PostgreSQL image in a new cluster: roles, and who may replicate. The standby is named in
# the settings of the next start: with it, the first commits here would wait for one that is not there yet.
set -eu
cd "${SECRETS:-/run/secrets}"
psql -v ON_ERROR_STOP=1 --username postgres --dbname otp \
  -v replication="$(cat replication)" -v owner="$(cat otp_owner)" -v app="$(cat otp_app)" -v purge="$(cat otp_purge)" <<'SQL'
CREATE ROLE replication LOGIN REPLICATION PASSWORD :'replication';
CREATE ROLE otp_owner LOGIN PASSWORD :'owner';
CREATE ROLE otp_app LOGIN PASSWORD :'app';
CREATE ROLE otp_purge LOGIN PASSWORD :'purge';
GRANT CREATE ON DATABASE otp TO otp_owner;
ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (standby)';
SQL
echo "host replication replication all scram-sha-256" >> "$PGDATA/pg_hba.conf"
