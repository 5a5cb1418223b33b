-- seal_key: the key parameters of a VAL service, one row per configuration of key management and VAL service. It has no
-- storage of its own: what it shows is configuration_service's.
-- relation: key s
-- column: val_server_id   id fixed from(v.val_server_id)  "the VAL server: whoever the credential proves"
-- column: val_service_id  id required fixed               "the VAL service whose keys they are"
-- column: key_format      id required                     "may be changed"
-- column: scope           text                            "words with a space between; may be changed"
-- column: conf_id         id fixed from(c.conf_id)        "a configuration of the VAL server; none: its standing one"
-- column: exp_time        instant fixed from(c.exp_time)  "the end that was asked for"
-- column: valid_until     instant read-only from(nullif({{until_configuration}}, {{forever}}))  "the end that holds: the earliest of all bounds"
-- column: credential      value hidden                    "who writes: a token, a PEM chain, or JSON {authorization, clientCertificate}"
-- column: at              instant hidden                  "the clock: another instant that is asked for; NULL: every stored row"

-- name: create_key
SELECT 1;

-- name: drop_key
SELECT 1;

-- name: view_key
SELECT s.id, {{key_view}}
FROM main.seal_configuration_service AS s
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE c.seal_service = 'key-management' AND (?1 IS NULL OR {{valid_configuration}})
