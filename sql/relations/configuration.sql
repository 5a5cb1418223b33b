-- seal_configuration: what a VAL server provisioned in one message, or row by row; validity hangs on it.
-- A conf_id is its VAL server's. `until` is when the configuration itself ends (exp_time, or what max_validity gave); the
-- largest integer when only what it hangs on ends it. `standing` is the term for whose rows without a conf_id it was made,
-- until a message or the operator changes it. registrar/held writes it (sql/statements/provision.sql).
-- relation: configuration c
-- storage: id                        INTEGER PRIMARY KEY
-- column: val_server_id              id key derived bundle refers(val_server)  "the VAL server: whoever the credential proves"
-- column: conf_id                    id key derived bundle                     "its name; derived where none is given"
-- column: seal_service               service required fixed bundle             "identity-management or key-management"
-- column: exp_time                   instant bundle                            "the end that was asked for; may be changed"
-- column: valid_until                instant read-only from(nullif({{until_configuration}}, {{forever}}))  "the end that holds: the earliest of all bounds"
-- storage: until                     INTEGER NOT NULL bundle(until)
-- column: created_time               instant read-only not-null bundle         "when it was made"
-- column: updated_time               instant read-only not-null bundle         "when it was changed last"
-- column: supp_feat                  text bundle                               "SupportedFeatures of TS 29.571: hexadecimal digits; may be changed"
-- storage: standing                  INTEGER
-- column: credential                 value hidden                              "who writes: a token, a PEM chain, or JSON {authorization, clientCertificate}"
-- column: at                         instant hidden                            "the clock: another instant that is asked for; NULL: every stored row"
-- statements: bundle_all

-- configuration_service is one VALServiceParams: a VAL service of a configuration. Its rows lie together, because the
-- high bits of their id are its id (SEAL_ROW_BITS), so that expiry, replacement and deletion are range deletes.
-- name: create_configuration
CREATE TABLE main.seal_configuration_data(
  {{configuration_storage}}
);
CREATE INDEX main.seal_configuration_val_server ON seal_configuration_data(val_server, seal_service);
CREATE INDEX main.seal_configuration_standing ON seal_configuration_data(val_server, standing, until)
  WHERE standing IS NOT NULL;
CREATE INDEX main.seal_configuration_until ON seal_configuration_data(until);
CREATE TABLE main.seal_configuration_service(
  id INTEGER PRIMARY KEY,
  configuration INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  term INTEGER NOT NULL,
  key_format TEXT,
  scope TEXT,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  next INTEGER NOT NULL,
  UNIQUE (configuration, val_service_id)
);
CREATE INDEX main.seal_configuration_service_term ON seal_configuration_service(term);
CREATE INDEX main.seal_configuration_service_val ON seal_configuration_service(val_service_id);

-- name: drop_configuration
DROP TABLE main.seal_configuration_data;
DROP TABLE main.seal_configuration_service;

-- name: view_configuration
SELECT c.id, {{configuration_view}}
FROM {{configuration_from}} JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE (?1 IS NULL OR {{valid_configuration}})

-- ?1 val_server_id ?2 conf_id
-- name: bundle_configuration
SELECT c.id, c.seal_service, a.agreement_id, v.val_server_id, c.conf_id,
  json_object({{configuration_state}}) AS state
FROM {{configuration_from}} JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.val_server_id = ?1 AND c.conf_id = ?2

-- It takes the place of one that was removed before, or is a part (sql/statements/exchange.sql).
-- name: apply_configuration
INSERT INTO main.seal_configuration_data({{configuration_told}}) VALUES ({{configuration_given}})
