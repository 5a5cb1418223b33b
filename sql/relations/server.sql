-- seal_server: the SEAL servers that are told.
-- relation: server
-- storage: id             INTEGER PRIMARY KEY
-- column: seal_server_id  id key                             "the identifier in its own database"
-- column: seal_service    service required fixed             "what it is for, and so what it may see"
-- column: end_pt          endpoint                           "JSON EndPoint of TS 29.558: exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs"
-- column: jwk             text                               "its public key, P-256: what rotate-key gave in its own database; key records are encrypted to it"
-- column: acked           count                              "the last change that it has applied, as the operator was told"
-- column: status          word(active suspended terminated)  "active (default), suspended, or terminated, which is for good"
-- column: at              instant hidden                     "the clock: another instant that is asked for; NULL: every stored row"
-- statements: find insert update remove

-- seal_server_member is what a SEAL server other than identity management's knows of whom it serves: SHA-256 of VAL
-- service and id. Empty at the registrar.
-- name: create_server
CREATE TABLE main.seal_server_data(
  {{server_storage}}
);
CREATE TABLE main.seal_server_member(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  digest BLOB NOT NULL
);
CREATE INDEX main.seal_server_member_digest ON seal_server_member(digest);

-- name: drop_server
DROP TABLE main.seal_server_data;
DROP TABLE main.seal_server_member;

-- name: view_server
SELECT w.id, {{server_view}} FROM {{server_from}}
