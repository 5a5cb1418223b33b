-- seal_agreement: an SLA with a VAL service provider. Terms say what it grants, VAL servers may use it.
-- relation: agreement
-- storage: id              INTEGER PRIMARY KEY insert({{next_agreement}})
-- column: agreement_id     id key bundle                             "the name of the agreement"
-- column: val_provider_id  id required bundle                        "the other party: the VAL service provider"
-- column: start_time       instant bundle                            "since when it holds; NULL: always"
-- column: stop_time        instant bundle                            "when it ends; NULL: never"
-- column: status           word(active suspended terminated) bundle  "active (default), suspended, or terminated, which is for good"
-- column: max_val_servers  count bundle                              "how many VAL servers it may have at a time; NULL: any number"
-- column: at               instant hidden                            "the clock: another instant that is asked for; NULL: every stored row"
-- statements: find insert update bundle bundle_all apply

-- name: create_agreement
CREATE TABLE main.seal_agreement_data(
  {{agreement_storage}}
);

-- name: drop_agreement
DROP TABLE main.seal_agreement_data;

-- name: view_agreement
SELECT w.id, {{agreement_view}} FROM {{agreement_from}} WHERE {{valid_window}}

-- A VAL server that is valid.
-- ?1 id ?2 at
-- name: agreement_in_use
SELECT 'VAL server' FROM main.seal_val_server_data AS v
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE a.id = ?1 AND a.status <> 'terminated' AND coalesce(a.stop_time, {{forever}}) > ?2
  AND v.status <> 'terminated' AND coalesce(v.exp_time, {{forever}}) > ?2
LIMIT 1

-- What goes with an agreement, children first: DELETE runs these in their order.
-- ?1 agreement
-- name: agreement_remove_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id
  FROM main.seal_val_server_data AS v
  CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
  WHERE v.agreement = ?1)
-- name: agreement_remove_members
DELETE FROM main.seal_server_member WHERE id IN (SELECT m.id FROM (SELECT s.id
  FROM main.seal_val_server_data AS v
  CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id WHERE v.agreement = ?1) AS s
  CROSS JOIN main.seal_server_member AS m ON m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: agreement_remove_records
DELETE FROM main.seal_key_record_data WHERE service IN (SELECT s.id
  FROM main.seal_val_server_data AS v
  CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id WHERE v.agreement = ?1)
-- name: agreement_remove_services
DELETE FROM main.seal_configuration_service WHERE configuration IN (SELECT c.id
  FROM main.seal_val_server_data AS v
  CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id WHERE v.agreement = ?1)
-- name: agreement_remove_configurations
DELETE FROM main.seal_configuration_data
WHERE val_server IN (SELECT id FROM main.seal_val_server_data WHERE agreement = ?1)
-- name: agreement_remove_held
DELETE FROM main.seal_term_held WHERE term IN (SELECT id FROM main.seal_term_data WHERE agreement = ?1)
-- name: agreement_remove_use
DELETE FROM main.seal_term_use WHERE term IN (SELECT id FROM main.seal_term_data WHERE agreement = ?1)
-- name: agreement_remove_terms
DELETE FROM main.seal_term_data WHERE agreement = ?1
-- name: agreement_remove_credentials
DELETE FROM main.seal_credential_data
WHERE val_server IN (SELECT id FROM main.seal_val_server_data WHERE agreement = ?1)
-- name: agreement_remove_notices
DELETE FROM main.seal_notification_cause WHERE val_server IN (SELECT id FROM main.seal_val_server_data WHERE agreement = ?1)
-- name: agreement_remove_rates
DELETE FROM main.seal_val_server_rate
WHERE val_server IN (SELECT id FROM main.seal_val_server_data WHERE agreement = ?1)
-- name: agreement_remove_val_servers
DELETE FROM main.seal_val_server_data WHERE agreement = ?1
-- name: agreement_remove
DELETE FROM main.seal_agreement_data WHERE id = ?1
