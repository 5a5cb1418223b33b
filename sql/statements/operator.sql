-- What the operator writes. ?1 is the row id, NULL for a new row; then the relation's stored columns in
-- their declared order.

-- name: registrar_update
UPDATE main.seal_registrar_data SET identifier = ?2, skms_uri = ?3 WHERE id = ?1

-- name: agreement_find
SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?1

-- name: agreement_insert
INSERT INTO main.seal_agreement_data(id, agreement_id, val_provider_id, start_time, stop_time, status,
  max_val_servers)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: agreement_update
UPDATE main.seal_agreement_data SET (agreement_id, val_provider_id, start_time, stop_time, status,
  max_val_servers) = (?2, ?3, ?4, ?5, ?6, ?7) WHERE id = ?1

-- The configurations of an agreement, a term, a VAL server that are valid.
-- ?1 id ?2 at
-- name: agreement_in_use
SELECT 'VAL server' FROM main.seal_val_server_data AS v
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE a.id = ?1 AND a.status <> 'terminated' AND coalesce(a.stop_time, {{forever}}) > ?2
  AND v.status <> 'terminated' AND coalesce(v.exp_time, {{forever}}) > ?2
LIMIT 1

-- ?1 agreement
-- name: agreement_remove_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id
  FROM main.seal_val_server_data AS v
  CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
  WHERE v.agreement = ?1)
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
-- name: agreement_remove_val_servers
DELETE FROM main.seal_val_server_data WHERE agreement = ?1
-- name: agreement_remove
DELETE FROM main.seal_agreement_data WHERE id = ?1

-- ?1 agreement_id ?2 seal_service ?3 val_service_id
-- name: term_find
SELECT t.id FROM main.seal_term_data AS t JOIN main.seal_agreement_data AS a ON a.id = t.agreement
WHERE a.agreement_id = ?1 AND t.seal_service = ?2 AND t.val_service_id = ?3

-- name: term_insert
INSERT INTO main.seal_term_data(id, agreement, seal_service, val_service_id, max_identities,
  max_key_records, max_validity, key_formats, scopes, allowed_total_invocations,
  allowed_invocations_per_second, allowed_invocation_time_ranges, start_time, stop_time,
  price_per_invocation, price_per_identity_day, currency)
VALUES (?1, (SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?2), ?3, ?4, ?5, ?6, ?7,
  ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)

-- name: term_update
UPDATE main.seal_term_data SET (max_identities, max_key_records, max_validity, key_formats, scopes,
  allowed_total_invocations, allowed_invocations_per_second, allowed_invocation_time_ranges,
  start_time, stop_time, price_per_invocation, price_per_identity_day, currency)
  = (?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
WHERE id = ?1

-- ?1 id ?2 at
-- name: term_in_use
SELECT 'configuration' FROM main.seal_configuration_service AS s
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE s.term = ?1 AND a.status <> 'terminated' AND v.status <> 'terminated'
  AND min({{until_configuration}}, {{forever}}) > ?2
LIMIT 1

-- A configuration that the term's end has ended: it goes whole, so that no part comes back.
-- ?1 term
-- name: term_configuration
SELECT configuration FROM main.seal_configuration_service WHERE term = ?1 LIMIT 1

-- ?1 term
-- name: term_remove_held
DELETE FROM main.seal_term_held WHERE term = ?1
-- name: term_remove_use
DELETE FROM main.seal_term_use WHERE term = ?1
-- name: term_remove
DELETE FROM main.seal_term_data WHERE id = ?1

-- ?1 val_server_id
-- name: val_server_find
SELECT id FROM main.seal_val_server_data WHERE val_server_id = ?1

-- name: val_server_insert
INSERT INTO main.seal_val_server_data(id, val_server_id, agreement, end_pt, notification_destination,
  exp_time, status)
VALUES (?1, ?2, (SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?3), ?4, ?5, ?6, ?7)

-- name: val_server_update
UPDATE main.seal_val_server_data SET (end_pt, notification_destination, exp_time, status)
  = (?4, ?5, ?6, ?7) WHERE id = ?1

-- How many VAL servers of an agreement there are that have not ended, but for one of them.
-- ?1 agreement_id ?2 at ?3 val_server_id
-- name: val_server_quota
SELECT a.max_val_servers, (SELECT count(*) FROM main.seal_val_server_data AS v
  WHERE v.agreement = a.id AND v.status <> 'terminated'
    AND coalesce(v.exp_time, {{forever}}) > ?2 AND v.val_server_id <> ?3)
FROM main.seal_agreement_data AS a WHERE a.agreement_id = ?1

-- ?1 id ?2 at
-- name: val_server_in_use
SELECT 'configuration' FROM main.seal_configuration_data AS c
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.id = ?1 AND a.status <> 'terminated' AND v.status <> 'terminated'
  AND {{until_configuration}} > ?2
LIMIT 1

-- The counters give back what the VAL server held.
-- ?1 VAL server
-- name: val_server_remove_use
UPDATE main.seal_term_use SET
  identities = identities - (SELECT sum(h.identities) FROM main.seal_term_held AS h
    WHERE h.val_server = ?1 AND h.term = seal_term_use.term),
  key_records = key_records - (SELECT sum(h.key_records) FROM main.seal_term_held AS h
    WHERE h.val_server = ?1 AND h.term = seal_term_use.term)
WHERE term IN (SELECT term FROM main.seal_term_held WHERE val_server = ?1)
-- name: val_server_remove_held
DELETE FROM main.seal_term_held WHERE val_server = ?1
-- name: val_server_remove_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id
  FROM main.seal_configuration_data AS c
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
  WHERE c.val_server = ?1)
-- name: val_server_remove_services
DELETE FROM main.seal_configuration_service
WHERE configuration IN (SELECT id FROM main.seal_configuration_data WHERE val_server = ?1)
-- name: val_server_remove_configurations
DELETE FROM main.seal_configuration_data WHERE val_server = ?1
-- name: val_server_remove_credentials
DELETE FROM main.seal_credential_data WHERE val_server = ?1
-- name: val_server_remove
DELETE FROM main.seal_val_server_data WHERE id = ?1

-- ?1 credential_id
-- name: credential_find
SELECT id FROM main.seal_credential_data WHERE credential_id = ?1

-- The thumbprint comes after the columns, and is the credential_id where none was given.
-- name: credential_insert
INSERT INTO main.seal_credential_data(id, credential_id, val_server, type, value, start_time, exp_time,
  status, thumbprint)
VALUES (?1, coalesce(?2, ?9), (SELECT id FROM main.seal_val_server_data WHERE val_server_id = ?3), ?4,
  ?5, ?6, ?7, ?8, ?9)

-- name: credential_update
UPDATE main.seal_credential_data SET (start_time, exp_time, status) = (?6, ?7, ?8) WHERE id = ?1

-- name: credential_remove
DELETE FROM main.seal_credential_data WHERE id = ?1

-- Makes SQLite connect a virtual table of ours: cached statements then have an owner that SQLite lets go
-- of before it closes the connection.
-- name: enter
SELECT 1 FROM main.seal_registrar LIMIT 0

-- Can be prepared only where the extension is loaded. Reads nothing, not even the schema.
-- name: loaded
SELECT seal_version()
-- name: not_loaded
SELECT 1
