#!/bin/sh
# Run once, when PostgreSQL makes its data folder: the owner of the tables migrates, and the application gets a
# role that owns none. It reads and writes rows; it cannot drop the guards of the history, or any table.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$APPLICATION_PASSWORD" --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE dashboard LOGIN PASSWORD :'password';
GRANT USAGE ON SCHEMA public TO dashboard;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO dashboard;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO dashboard;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
SQL
