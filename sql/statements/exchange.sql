-- What SEAL servers are told. Each object's state is one JSON object; what is not in these statements leaves
-- the registrar in no bundle: no credential, no price.

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

-- The states of one object, by its key.
-- ?1 agreement_id
-- name: bundle_agreement
SELECT json_object('agreement_id', agreement_id, 'val_provider_id', val_provider_id,
  'start_time', start_time, 'stop_time', stop_time, 'status', status, 'max_val_servers', max_val_servers)
FROM main.seal_agreement_data WHERE agreement_id = ?1

-- ?1 agreement_id ?2 seal_service ?3 val_service_id
-- name: bundle_term
SELECT json_object('agreement_id', a.agreement_id, 'seal_service', t.seal_service,
  'val_service_id', t.val_service_id, 'max_identities', t.max_identities,
  'max_key_records', t.max_key_records, 'max_validity', t.max_validity, 'key_formats', t.key_formats,
  'scopes', t.scopes, 'start_time', t.start_time, 'stop_time', t.stop_time)
FROM main.seal_term_data AS t JOIN main.seal_agreement_data AS a ON a.id = t.agreement
WHERE a.agreement_id = ?1 AND t.seal_service = ?2 AND t.val_service_id = ?3

-- ?1 val_server_id
-- name: bundle_val_server
SELECT json_object('val_server_id', v.val_server_id, 'agreement_id', a.agreement_id,
  'exp_time', v.exp_time, 'status', v.status)
FROM main.seal_val_server_data AS v JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.val_server_id = ?1

-- ?1 val_server_id
-- name: bundle_val_server_agreement
SELECT a.agreement_id FROM main.seal_val_server_data AS v
JOIN main.seal_agreement_data AS a ON a.id = v.agreement WHERE v.val_server_id = ?1

-- ?1 seal_service ?2 val_service_id ?3 name
-- name: bundle_policy
SELECT json_object('seal_service', seal_service, 'val_service_id', val_service_id, 'name', name,
  'value', value, 'start_time', start_time, 'exp_time', exp_time)
FROM main.seal_policy_data WHERE seal_service = ?1 AND val_service_id = ?2 AND name = ?3

-- ?1 val_server_id ?2 conf_id
-- name: bundle_configuration
SELECT c.id, c.seal_service, a.agreement_id, v.val_server_id,
  json_object('conf_id', c.conf_id, 'val_server_id', v.val_server_id, 'seal_service', c.seal_service,
    'exp_time', c.exp_time, 'until', c.until, 'created_time', c.created_time,
    'updated_time', c.updated_time, 'supp_feat', c.supp_feat, 'services', json((
      SELECT json_group_array(json_object('val_service_id', s.val_service_id,
        'term', t.val_service_id, 'key_format', s.key_format, 'scope', s.scope))
      FROM (SELECT * FROM main.seal_configuration_service WHERE configuration = c.id ORDER BY id) AS s
      JOIN main.seal_term_data AS t ON t.id = s.term))) AS state,
  (SELECT json_group_array(val_service_id)
    FROM (SELECT val_service_id FROM main.seal_configuration_service
      WHERE configuration = c.id ORDER BY id)) AS services
FROM main.seal_configuration_data AS c
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.val_server_id = ?1 AND c.conf_id = ?2

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

-- A full copy goes through every object by row id, parents first.
-- ?1 after this row id
-- name: bundle_all_agreement
SELECT id, 'seal_agreement:' || agreement_id FROM main.seal_agreement_data
WHERE id > ?1 ORDER BY id LIMIT 1
-- name: bundle_all_term
SELECT t.id, 'seal_term:' || replace(replace(a.agreement_id, '%', '%25'), '/', '%2F') || '/'
  || t.seal_service || '/' || replace(replace(t.val_service_id, '%', '%25'), '/', '%2F')
FROM main.seal_term_data AS t JOIN main.seal_agreement_data AS a ON a.id = t.agreement
WHERE t.id > ?1 ORDER BY t.id LIMIT 1
-- name: bundle_all_val_server
SELECT id, 'seal_val_server:' || val_server_id FROM main.seal_val_server_data
WHERE id > ?1 ORDER BY id LIMIT 1
-- name: bundle_all_policy
SELECT id, 'seal_policy:' || seal_service || '/'
  || replace(replace(val_service_id, '%', '%25'), '/', '%2F') || '/'
  || replace(replace(name, '%', '%25'), '/', '%2F')
FROM main.seal_policy_data WHERE id > ?1 ORDER BY id LIMIT 1
-- name: bundle_all_configuration
SELECT c.id, 'seal_configuration:' || replace(replace(v.val_server_id, '%', '%25'), '/', '%2F')
  || '/' || replace(replace(c.conf_id, '%', '%25'), '/', '%2F')
FROM main.seal_configuration_data AS c JOIN main.seal_val_server_data AS v ON v.id = c.val_server
WHERE c.id > ?1 ORDER BY c.id LIMIT 1

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

-- The states of objects, as a bundle brings them (?1 is the JSON).
-- name: apply_agreement
INSERT INTO main.seal_agreement_data(agreement_id, val_provider_id, start_time, stop_time, status,
  max_val_servers)
VALUES (?1->>'agreement_id', ?1->>'val_provider_id', ?1->>'start_time', ?1->>'stop_time',
  ?1->>'status', ?1->>'max_val_servers')
ON CONFLICT DO UPDATE SET val_provider_id = excluded.val_provider_id, start_time = excluded.start_time,
  stop_time = excluded.stop_time, status = excluded.status, max_val_servers = excluded.max_val_servers

-- name: apply_term
INSERT INTO main.seal_term_data(agreement, seal_service, val_service_id, max_identities,
  max_key_records, max_validity, key_formats, scopes, start_time, stop_time)
VALUES ((SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?1->>'agreement_id'),
  ?1->>'seal_service', ?1->>'val_service_id', ?1->>'max_identities', ?1->>'max_key_records',
  ?1->>'max_validity', ?1->>'key_formats', ?1->>'scopes', ?1->>'start_time', ?1->>'stop_time')
ON CONFLICT DO UPDATE SET max_identities = excluded.max_identities,
  max_key_records = excluded.max_key_records, max_validity = excluded.max_validity,
  key_formats = excluded.key_formats, scopes = excluded.scopes, start_time = excluded.start_time,
  stop_time = excluded.stop_time

-- name: apply_val_server
INSERT INTO main.seal_val_server_data(val_server_id, agreement, exp_time, status)
VALUES (?1->>'val_server_id',
  (SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?1->>'agreement_id'),
  ?1->>'exp_time', ?1->>'status')
ON CONFLICT DO UPDATE SET agreement = excluded.agreement, exp_time = excluded.exp_time,
  status = excluded.status

-- name: apply_policy
INSERT INTO main.seal_policy_data(seal_service, val_service_id, name, value, start_time, exp_time)
VALUES (?1->>'seal_service', ?1->>'val_service_id', ?1->>'name', ?1->>'value', ?1->>'start_time',
  ?1->>'exp_time')
ON CONFLICT DO UPDATE SET value = excluded.value, start_time = excluded.start_time,
  exp_time = excluded.exp_time

-- name: apply_configuration
INSERT INTO main.seal_configuration_data(conf_id, val_server, seal_service, exp_time, until,
  created_time, updated_time, supp_feat)
VALUES (?1->>'conf_id',
  (SELECT id FROM main.seal_val_server_data WHERE val_server_id = ?1->>'val_server_id'),
  ?1->>'seal_service', ?1->>'exp_time', ?1->>'until', ?1->>'created_time', ?1->>'updated_time',
  ?1->>'supp_feat')

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
