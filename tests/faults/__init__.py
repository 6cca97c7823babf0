"""The proof under fire: real processes, real signals, and the sandbox's own ledger. See README.md."""
