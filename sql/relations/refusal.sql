-- seal_refusal: how many messages of senders who are not known were refused in a minute, beyond those that the audit
-- has in full (ledger.c): of those `audited` counts. Outside the chain; the sweep removes what is older than 30 days.
-- seal_refusal_use has how often anybody was refused so far, by cause: what metrics tell. The upgrade from format 1 makes
-- it before the relation is there.
-- relation: refusal e
-- column: minute  instant read-only  "the minute's beginning"
-- column: cause   text read-only     "the cause of the refusal"
-- column: count   count read-only    "how many, beyond those that seal_audit has"

-- name: create_refusal
CREATE TABLE main.seal_refusal_data(
  id INTEGER PRIMARY KEY,
  minute INTEGER NOT NULL,
  cause TEXT NOT NULL,
  count INTEGER NOT NULL,
  audited INTEGER NOT NULL,
  UNIQUE (minute, cause)
);
CREATE TABLE IF NOT EXISTS main.seal_refusal_use(
  cause TEXT PRIMARY KEY,
  refused INTEGER NOT NULL
) WITHOUT ROWID;

-- name: drop_refusal
DROP TABLE main.seal_refusal_data;
DROP TABLE main.seal_refusal_use;

-- name: view_refusal
SELECT e.id, {{refusal_view}} FROM main.seal_refusal_data AS e WHERE e.count > 0
