"""None. With this file here, Django tells the app when the database was migrated."""
