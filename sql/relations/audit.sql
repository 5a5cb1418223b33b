-- seal_audit: one row per act of anybody, and per refused message; each entry's hash covers the one before.
-- seal_audit_checkpoint has the heads that were signed (audit_chain.c): whether all before was exported, and whether the
-- chain was cut there. The upgrade of a database of release 0.1.0 leaves one without a signature (''), where its entries
-- end.
-- relation: audit e
-- column: seq           count read-only lookup                      "the number of the entry, without gaps"
-- column: time          instant read-only                           "the instant of the act"
-- column: written_time  instant read-only                           "the host's clock when the entry was written; NULL: by release 0.1.0"
-- column: actor         text read-only                              "operator, a VAL server's id, or unknown"
-- column: action        text read-only                              "insert, update, delete of the operator, INSERT of a VAL server, a method, a command"
-- column: object        text read-only                              "seal_agreement:sla-7; of a message that reads, or is refused, its path"
-- column: outcome       text read-only                              "done, refused"
-- column: cause         text read-only                              "of a refusal: its cause"
-- column: detail        text read-only                              "JSON: what changed; never a secret, nor a VAL user's id"
-- column: prev_hash     text read-only from({{audit_prev_hash}})    "the hash of the entry before, in hexadecimal digits"
-- column: hash          text read-only from(lower(hex(e.hash)))     "SHA-256 in hexadecimal digits"

-- name: create_audit
CREATE TABLE main.seal_audit_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL,
  outcome TEXT NOT NULL,
  cause TEXT,
  detail TEXT,
  hash BLOB NOT NULL,
  written_time INTEGER
);
CREATE TABLE main.seal_audit_checkpoint(
  seq INTEGER PRIMARY KEY,
  hash BLOB NOT NULL,
  jws TEXT NOT NULL,
  time INTEGER NOT NULL,
  usage INTEGER NOT NULL,
  exported INTEGER NOT NULL,
  pruned INTEGER NOT NULL
);

-- name: drop_audit
DROP TABLE main.seal_audit_data;
DROP TABLE main.seal_audit_checkpoint;

-- fragment: audit_prev_hash
(SELECT lower(hex(p.hash)) FROM main.seal_audit_data AS p WHERE p.seq = e.seq - 1
  UNION ALL SELECT lower(hex(p.hash)) FROM main.seal_audit_checkpoint AS p
    WHERE p.seq = e.seq - 1 AND p.pruned)

-- name: view_audit
SELECT e.seq AS id, {{audit_view}} FROM main.seal_audit_data AS e
