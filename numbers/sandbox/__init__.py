"""A stand-in for the Fluents hosted voice API, spoken over real HTTP.

It serves the endpoints that the dashboard uses, with believable agents,
connections and numbers for sale, and it can play the faults that a paid,
non-idempotent API is capable of: lost answers, late purchases, cut bodies.
Every charge goes into a ledger which no fault can touch, so that a test can
compare what was paid with what the dashboard believes; so does every call.

Run it with ``python -m numbers.sandbox``. It imports neither Django nor the
rest of the project, and keeps all of its state in one SQLite file.
"""
