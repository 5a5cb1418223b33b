-- seal_key_record: what a VAL service owner provisions for its users. key_info is sealed at rest (key_record.c); the view
-- has it as it is stored, and the relation opens it.
-- relation: key_record
-- column: val_server_id   id fixed from(v.val_server_id)            "the VAL server: whoever the credential proves"
-- column: val_service_id  id required fixed from(s.val_service_id)  "the VAL service that the key is for"
-- column: val_user_id     id fixed                                  "whose it is: at most one of val_user_id, val_ue_id, client_id; none: the VAL service's own"
-- column: val_ue_id       id fixed                                  "whose it is, as a VAL UE"
-- column: client_id       id fixed                                  "whose it is, as a client"
-- column: payload_id      id fixed                                  "which of its owner's keys: payloadId of TS 29.549; none: the one without"
-- column: key_format      id fixed                                  "the format of the key"
-- column: key_info        value required fixed write-only virtual   "the key: sealed at rest; reading it needs an unlocked connection"
-- column: user_uri        uri fixed                                 "UserUri of TS 33.434"
-- column: skmc_uri        uri fixed                                 "the SEAL key management client that the key came through"
-- column: conf_id         id fixed from(c.conf_id)                  "a configuration of the VAL server; none: its standing one"
-- column: exp_time        instant fixed from(c.exp_time)            "the end that was asked for"
-- column: valid_until     instant read-only from(nullif({{until_configuration}}, {{forever}}))  "the end that holds: the earliest of all bounds"
-- column: credential      value hidden                              "who writes: a token, a PEM chain, or JSON {authorization, clientCertificate}"
-- column: at              instant hidden                            "the clock: another instant that is asked for; NULL: every stored row"

-- name: create_key_record
CREATE TABLE main.seal_key_record_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT,
  client_id TEXT,
  payload_id TEXT,
  key_format TEXT,
  key_info BLOB NOT NULL,
  user_uri TEXT,
  skmc_uri TEXT
);
CREATE UNIQUE INDEX main.seal_key_record_id ON seal_key_record_data(service,
  coalesce('u' || val_user_id, 'e' || val_ue_id, 'c' || client_id, 's'), coalesce(payload_id, ''));

-- name: drop_key_record
DROP TABLE main.seal_key_record_data;

-- name: view_key_record
SELECT w.id, {{key_record_view}}
FROM main.seal_key_record_data AS w
JOIN main.seal_configuration_service AS s ON s.id = w.service
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE (?1 IS NULL OR {{valid_configuration}})
