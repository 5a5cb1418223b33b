-- seal_credential: what proves a VAL server. A public key or certificate reads back; a secret is stored sealed and
-- does not. The thumbprint is the credential_id where none is given.
-- relation: credential
-- storage: id            INTEGER PRIMARY KEY
-- column: credential_id  id key derived insert(coalesce(:credential_id, :extra))  "default: the RFC 7638 thumbprint of a key, x5t#S256 of a certificate"
-- column: val_server_id  id required fixed refers(val_server)  "the VAL server that it proves"
-- column: type           word(jwk x509 psk) required fixed     "jwk (one public key), x509 (PEM or DER), psk (a secret: bytes, or an oct JWK)"
-- column: value          value required fixed write-only shown(CASE WHEN w.type <> 'psk' THEN w.value END)  "the key, certificate or secret; a psk is sealed and reads back as NULL"
-- storage: thumbprint    TEXT NOT NULL insert(:extra)
-- column: start_time     instant                               "since when it may be used; NULL: always"
-- column: exp_time       instant                               "until when it may be used; NULL: for ever"
-- column: status         word(active revoked)                  "active (default), revoked"
-- column: at             instant hidden                        "the clock: another instant that is asked for; NULL: every stored row"
-- statements: find insert update remove

-- seal_credential_replay holds the token ids that were used, and what for: message is the digest of a
-- message, which alone may be repeated with it; NULL: the rows of the transaction that began at audit
-- number txn, and of no other.
-- name: create_credential
CREATE TABLE main.seal_credential_data(
  {{credential_storage}}
);
CREATE INDEX main.seal_credential_val_server ON seal_credential_data(val_server);
CREATE INDEX main.seal_credential_thumbprint ON seal_credential_data(thumbprint);
CREATE TABLE main.seal_credential_replay(
  iss TEXT NOT NULL,
  jti TEXT NOT NULL,
  until INTEGER NOT NULL,
  txn INTEGER NOT NULL,
  message BLOB,
  PRIMARY KEY (iss, jti)
) WITHOUT ROWID;
CREATE INDEX main.seal_credential_replay_until ON seal_credential_replay(until);

-- name: drop_credential
DROP TABLE main.seal_credential_data;
DROP TABLE main.seal_credential_replay;

-- name: view_credential
SELECT w.id, {{credential_view}} FROM {{credential_from}} WHERE {{valid_exp}}
