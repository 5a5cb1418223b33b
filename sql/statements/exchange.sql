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

-- What bundles say of the registrar.
-- name: bundle_registrar
SELECT epoch, stale_after FROM main.seal_registrar_data WHERE id = 1

-- How far a SEAL server is, as its asking said.
-- ?1 SEAL server ?2 its last change
-- name: server_acked
UPDATE main.seal_server_data SET acked = ?2 WHERE id = ?1 AND acked IS NOT ?2

-- One change, whole: what a place is known by.
-- ?1 seq
-- name: change_at
SELECT time, seal_service, object, operation, hash FROM main.seal_change_data WHERE seq = ?1

-- A new history begins. Its number is above every one before it, also where a copy is restored twice: it is no
-- smaller than the time.
-- ?1 at
-- name: epoch_begin
UPDATE main.seal_registrar_data SET epoch = max(epoch + 1, ?1), restored_time = ?1 WHERE id = 1

-- name: epoch_is
SELECT epoch FROM main.seal_registrar_data WHERE id = 1

-- The terms that a configuration was granted under, after a term.
-- ?1 configuration ?2 after this one
-- name: bundle_configuration_terms
SELECT t.id, a.agreement_id, t.seal_service, t.val_service_id
FROM main.seal_term_data AS t JOIN main.seal_agreement_data AS a ON a.id = t.agreement
WHERE t.id > ?2 AND t.id IN (SELECT term FROM main.seal_configuration_service WHERE configuration = ?1)
ORDER BY t.id

-- The VAL services of a configuration.
-- ?1 configuration ?2 from this one on
-- name: bundle_services
SELECT s.id, s.val_service_id, t.val_service_id AS term, s.key_format, s.scope
FROM main.seal_configuration_service AS s JOIN main.seal_term_data AS t ON t.id = s.term
WHERE s.configuration = ?1 AND s.id >= ?2 ORDER BY s.id

-- The rows of a VAL service after a row.
-- ?1 service ?2 after this row id
-- name: bundle_identities
SELECT id, val_user_id, val_ue_id FROM main.seal_identity_data
WHERE id BETWEEN max(?1 << 28, ?2 + 1) AND (?1 << 28) + 268435455 ORDER BY id
-- name: bundle_records
SELECT id, val_user_id, val_ue_id, client_id, payload_id, key_format, key_info, user_uri, skmc_uri
FROM main.seal_key_record_data
WHERE id BETWEEN max(?1 << 28, ?2 + 1) AND (?1 << 28) + 268435455 ORDER BY id

-- At the SEAL server: how far it is.
-- name: apply_state
SELECT bundle_to, bundle_epoch, bundle_seq, bundle_time, bundle_until
FROM main.seal_registrar_data WHERE id = 1

-- Whose bundles are applied here.
-- ?1 at
-- name: apply_anchor
SELECT id, anchor_id, iss, value,
  status = 'active' AND coalesce(exp_time, {{forever}}) > ?1 AS trusted
FROM main.seal_anchor_data WHERE type = 'registrar'

-- Whether this database may become a SEAL server's: what it holds came by bundles, or it holds nothing.
-- name: apply_ready
SELECT (SELECT anchor_id FROM main.seal_anchor_data WHERE type = 'registrar') AS anchor_id,
  bundle_time IS NULL AND (EXISTS (SELECT 1 FROM main.seal_agreement_data)
    OR EXISTS (SELECT 1 FROM main.seal_policy_data)) AS own
FROM main.seal_registrar_data WHERE id = 1

-- The keys of the registrar are others from now on.
-- ?1 anchor ?2 JWK Set
-- name: apply_keys
UPDATE main.seal_anchor_data SET value = ?2, generation = random() WHERE id = ?1

-- ?1 to ?2 epoch ?3 seq ?4 time of the bundle ?5 until when it allows to serve
-- name: apply_state_set
UPDATE main.seal_registrar_data SET bundle_to = ?1, bundle_epoch = ?2, bundle_seq = ?3,
  bundle_time = ?4, bundle_until = ?5 WHERE id = 1

-- A configuration that comes in several bundles is stored as it comes, and seen once all of it is here: until then
-- the number of its VAL server is negative, and that of each term, so that it hangs on nothing. There is one at most.
-- name: apply_part
SELECT c.id, c.conf_id, v.val_server_id FROM main.seal_configuration_data AS c
LEFT JOIN main.seal_val_server_data AS v ON v.id = -c.val_server
WHERE c.val_server < 0 LIMIT 1
-- ?1 id ?2 conf_id
-- name: apply_part_begin
UPDATE main.seal_configuration_data SET val_server = -val_server, conf_id = ?2 WHERE id = ?1
-- ?1 id
-- name: apply_part_end
UPDATE main.seal_configuration_data SET val_server = -val_server WHERE id = ?1 AND val_server < 0
-- ?1 configuration
-- name: apply_part_end_services
UPDATE main.seal_configuration_service SET term = -term WHERE configuration = ?1 AND term < 0

-- What came of a part whose rest never will.
-- name: apply_part_drop_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id FROM ({{part_services}}) AS s
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: apply_part_drop_members
DELETE FROM main.seal_server_member WHERE id IN (SELECT m.id FROM ({{part_services}}) AS s
  CROSS JOIN main.seal_server_member AS m ON m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: apply_part_drop_records
DELETE FROM main.seal_key_record_data WHERE service IN ({{part_services}})
-- name: apply_part_drop_services
DELETE FROM main.seal_configuration_service WHERE id IN ({{part_services}})
-- name: apply_part_drop
DELETE FROM main.seal_configuration_data WHERE val_server < 0

-- fragment: part_services
SELECT id FROM main.seal_configuration_service WHERE configuration IN
  (SELECT id FROM main.seal_configuration_data WHERE val_server < 0)

-- A configuration that is written, a part or not.
-- ?1 id
-- name: apply_load
SELECT c.conf_id, c.seal_service, c.until, abs(c.val_server) AS val_server, c.val_server < 0 AS part,
  v.val_server_id
FROM main.seal_configuration_data AS c JOIN main.seal_val_server_data AS v ON v.id = abs(c.val_server)
WHERE c.id = ?1

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
