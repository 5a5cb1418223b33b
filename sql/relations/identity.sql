-- seal_identity: the VAL users and UEs that may use a VAL service. registrar/held writes it.
-- relation: identity
-- column: val_server_id   id fixed from(v.val_server_id)            "the VAL server: whoever the credential proves"
-- column: val_service_id  id required fixed from(s.val_service_id)  "the VAL service that it may use"
-- column: val_user_id     id lookup                                 "a VAL user; exactly one of val_user_id and val_ue_id; may be changed"
-- column: val_ue_id       id lookup                                 "a VAL UE; exactly one of val_user_id and val_ue_id; may be changed"
-- column: conf_id         id fixed from(c.conf_id)                  "a configuration of the VAL server; none: its standing one"
-- column: exp_time        instant fixed from(c.exp_time)            "the end that was asked for"
-- column: valid_until     instant read-only from(nullif({{until_configuration}}, {{forever}}))  "the end that holds: the earliest of all bounds"
-- column: credential      value hidden                              "who writes: a token, a PEM chain, or JSON {authorization, clientCertificate}"
-- column: at              instant hidden                            "the clock: another instant that is asked for; NULL: every stored row"

-- name: create_identity
CREATE TABLE main.seal_identity_data(
  id INTEGER PRIMARY KEY,
  service INTEGER NOT NULL,
  val_user_id TEXT,
  val_ue_id TEXT
);
CREATE UNIQUE INDEX main.seal_identity_val_user ON seal_identity_data(val_user_id, service)
  WHERE val_user_id IS NOT NULL;
CREATE UNIQUE INDEX main.seal_identity_val_ue ON seal_identity_data(val_ue_id, service)
  WHERE val_ue_id IS NOT NULL;

-- name: drop_identity
DROP TABLE main.seal_identity_data;

-- name: view_identity
SELECT w.id, {{identity_view}}
FROM main.seal_identity_data AS w
JOIN main.seal_configuration_service AS s ON s.id = w.service
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE (?1 IS NULL OR {{valid_configuration}})

-- The same for a question that names no identity: configurations first, then the rows of each, so that validity is
-- judged once per configuration.
-- name: view_identity_all
SELECT w.id, {{identity_view}}
FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id
CROSS JOIN main.seal_identity_data AS w
  ON w.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
WHERE (?1 IS NULL OR {{valid_configuration}})
