-- What SEAL servers are told. Each object's state is one JSON object of the columns that its description marks
-- with `bundle` (sql/relations); what is neither there nor here leaves the registrar in no bundle: no credential,
-- no price.

-- ?1 seal_server_id
-- name: bundle_server
SELECT seal_service, jwk, status FROM main.seal_server_data WHERE seal_server_id = ?1

-- name: change_last
SELECT coalesce(max(seq), 0) AS seq FROM main.seal_change_data

-- The next change: what, whether it is key management's, whether it is the end of something that others
-- hang on.
-- ?1 after this change
-- name: change_next
SELECT seq, object, seal_service = 'key-management' AS is_key, operation = 'delete' AS ended
FROM main.seal_change_data WHERE seq > ?1 ORDER BY seq LIMIT 1

-- ?1 after this change ?2 object
-- name: change_since
SELECT 1 FROM main.seal_change_data WHERE seq > ?1 AND object = ?2 LIMIT 1

-- ?1 val_server_id
-- name: bundle_val_server_agreement
SELECT a.agreement_id FROM main.seal_val_server_data AS v
JOIN main.seal_agreement_data AS a ON a.id = v.agreement WHERE v.val_server_id = ?1

-- The terms that a configuration was granted under.
-- ?1 configuration
-- name: bundle_configuration_terms
SELECT DISTINCT a.agreement_id, t.seal_service, t.val_service_id
FROM main.seal_configuration_service AS s
JOIN main.seal_term_data AS t ON t.id = s.term
JOIN main.seal_agreement_data AS a ON a.id = t.agreement
WHERE s.configuration = ?1

-- The identities of a configuration after a row, each with the place of its VAL service.
-- ?1 configuration ?2 after this row id
-- name: bundle_identities
SELECT i.id, s.place, s.val_service_id, i.val_user_id, i.val_ue_id
FROM (SELECT id, val_service_id, row_number() OVER (ORDER BY id) - 1 AS place
  FROM main.seal_configuration_service WHERE configuration = ?1 ORDER BY id) AS s
CROSS JOIN main.seal_identity_data AS i
  ON i.id BETWEEN max(s.id << 28, ?2 + 1) AND (s.id << 28) + 268435455

-- name: bundle_records
SELECT r.id, s.place, s.val_service_id, r.val_user_id, r.val_ue_id, r.client_id, r.key_format,
  r.key_info, r.user_uri, (SELECT v.val_server_id FROM main.seal_configuration_data AS c
    JOIN main.seal_val_server_data AS v ON v.id = c.val_server WHERE c.id = ?1) AS val_server_id
FROM (SELECT id, val_service_id, row_number() OVER (ORDER BY id) - 1 AS place
  FROM main.seal_configuration_service WHERE configuration = ?1 ORDER BY id) AS s
CROSS JOIN main.seal_key_record_data AS r
  ON r.id BETWEEN max(s.id << 28, ?2 + 1) AND (s.id << 28) + 268435455

-- At the SEAL server: how far it is.
-- name: apply_state
SELECT bundle_to, bundle_seq, bundle_time FROM main.seal_registrar_data WHERE id = 1

-- ?1 at
-- name: apply_issuers
SELECT iss, value, id FROM main.seal_anchor_data
WHERE type = 'issuer' AND status = 'active' AND coalesce(exp_time, {{forever}}) > ?1 ORDER BY id

-- ?1 configuration
-- name: apply_services
SELECT s.id, s.term, s.next, s.val_service_id, v.val_server_id
FROM main.seal_configuration_service AS s
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
WHERE s.configuration = ?1 ORDER BY s.id

-- ?1 to ?2 seq ?3 time of the bundle
-- name: apply_state_set
UPDATE main.seal_registrar_data SET bundle_to = ?1, bundle_seq = ?2, bundle_time = ?3 WHERE id = 1

-- ?1 val_server_id ?2 conf_id
-- name: apply_find_configuration
SELECT c.id FROM main.seal_val_server_data AS v
JOIN main.seal_configuration_data AS c ON c.val_server = v.id
WHERE v.val_server_id = ?1 AND c.conf_id = ?2

-- The term of a VAL service in a configuration.
-- ?1 VAL server ?2 seal_service ?3 the term's val_service_id
-- name: apply_find_term
SELECT t.id FROM main.seal_val_server_data AS v
JOIN main.seal_term_data AS t ON t.agreement = v.agreement
WHERE v.id = ?1 AND t.seal_service = ?2 AND t.val_service_id = ?3

-- ?1 id ?2 service ?3 val_user_id ?4 val_ue_id
-- name: apply_identity
INSERT INTO main.seal_identity_data(id, service, val_user_id, val_ue_id) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO NOTHING

-- ?1 id ?2 service ?3 digest
-- name: member_insert
INSERT INTO main.seal_server_member(id, service, digest) VALUES (?1, ?2, ?3)

-- ?1 first ?2 last
-- name: member_delete_range
DELETE FROM main.seal_server_member WHERE id BETWEEN ?1 AND ?2

-- ?1 first ?2 last ?3 how many
-- name: member_boundary
SELECT id FROM main.seal_server_member WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1 OFFSET ?3

-- A full copy starts from nothing.
-- name: apply_clear_identities
DELETE FROM main.seal_identity_data
-- name: apply_clear_members
DELETE FROM main.seal_server_member
-- name: apply_clear_records
DELETE FROM main.seal_key_record_data
-- name: apply_clear_services
DELETE FROM main.seal_configuration_service
-- name: apply_clear_configurations
DELETE FROM main.seal_configuration_data
-- name: apply_clear_held
DELETE FROM main.seal_term_held
-- name: apply_clear_use
DELETE FROM main.seal_term_use
-- name: apply_clear_terms
DELETE FROM main.seal_term_data
-- name: apply_clear_val_servers
DELETE FROM main.seal_val_server_data
-- name: apply_clear_agreements
DELETE FROM main.seal_agreement_data
-- name: apply_clear_policies
DELETE FROM main.seal_policy_data
