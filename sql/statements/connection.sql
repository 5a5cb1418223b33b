-- What the operator writes. ?1 is the row id, NULL for a new row; then the relation's stored columns in
-- their declared order.

-- name: registrar_update
UPDATE main.seal_registrar_data SET identifier = ?2, skms_uri = ?3 WHERE id = ?1

-- name: agreement_find
SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?1

-- name: agreement_insert
INSERT INTO main.seal_agreement_data(id, agreement_id, val_provider_id, start_time, stop_time, status,
  max_val_servers)
VALUES ({{next_agreement}}, ?2, ?3, ?4, ?5, ?6, ?7)

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
VALUES ({{next_term}}, (SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?2), ?3, ?4, ?5, ?6, ?7,
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

-- ?1 term
-- A configuration that has a VAL service under the term ended with it, and goes whole; other terms get
-- back what it held under them.
-- name: term_remove_other_use
UPDATE main.seal_term_use SET identities = identities - x.n_identities,
  key_records = key_records - x.n_records
FROM (SELECT s.term AS other, sum(s.identities) AS n_identities, sum(s.key_records) AS n_records
  FROM main.seal_configuration_service AS s
  WHERE s.configuration IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)
    AND s.term <> ?1 GROUP BY 1) AS x
WHERE term = x.other
-- name: term_remove_other_held
UPDATE main.seal_term_held SET identities = identities - x.n_identities,
  key_records = key_records - x.n_records
FROM (SELECT s.term AS other, c.until AS ends, c.val_server AS who, sum(s.identities) AS n_identities,
    sum(s.key_records) AS n_records
  FROM main.seal_configuration_service AS s
  JOIN main.seal_configuration_data AS c ON c.id = s.configuration
  WHERE s.configuration IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)
    AND s.term <> ?1 GROUP BY 1, 2, 3) AS x
WHERE term = x.other AND until = x.ends AND val_server = x.who
-- name: term_remove_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id FROM ({{term_services}}) AS s
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: term_remove_members
DELETE FROM main.seal_server_member WHERE id IN (SELECT m.id FROM ({{term_services}}) AS s
  CROSS JOIN main.seal_server_member AS m ON m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: term_remove_records
DELETE FROM main.seal_key_record_data WHERE service IN ({{term_services}})
-- name: term_remove_configurations
DELETE FROM main.seal_configuration_data
WHERE id IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)
-- name: term_remove_services
DELETE FROM main.seal_configuration_service WHERE id IN ({{term_services}})

-- fragment: term_services
SELECT id FROM main.seal_configuration_service
WHERE configuration IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)

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
VALUES ({{next_val_server}}, ?2, (SELECT id FROM main.seal_agreement_data WHERE agreement_id = ?3), ?4, ?5,
  ?6, ?7)

-- name: val_server_update
UPDATE main.seal_val_server_data SET (end_pt, notification_destination, exp_time, status)
  = (?4, ?5, ?6, ?7) WHERE id = ?1

-- How many VAL servers of an agreement there are that have not ended, but for one of them.
-- ?1 agreement_id ?2 at ?3 val_server_id
-- name: val_server_quota
SELECT a.max_val_servers, (SELECT count(*) FROM main.seal_val_server_data AS v
  WHERE v.agreement = a.id AND v.status <> 'terminated'
    AND coalesce(v.exp_time, {{forever}}) > ?2 AND v.val_server_id <> ?3) AS held
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
-- name: val_server_remove_members
DELETE FROM main.seal_server_member WHERE id IN (SELECT m.id FROM (SELECT s.id
  FROM main.seal_configuration_data AS c
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id WHERE c.val_server = ?1) AS s
  CROSS JOIN main.seal_server_member AS m ON m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: val_server_remove_records
DELETE FROM main.seal_key_record_data WHERE service IN (SELECT s.id
  FROM main.seal_configuration_data AS c
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id WHERE c.val_server = ?1)
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

-- Whether this connection has the extension already.
-- name: loaded
SELECT seal_version()
-- name: not_loaded
SELECT 1

-- Makes SQLite connect a virtual table of ours: cached statements then have an owner that SQLite lets go
-- of before it closes the connection.
-- name: enter
SELECT 1 FROM main.seal_registrar LIMIT 0

-- ?1 anchor_id
-- name: anchor_find
SELECT id FROM main.seal_anchor_data WHERE anchor_id = ?1

-- The CRL's number comes after the columns. A generation is drawn, not counted: what was parsed of an
-- anchor must not be taken for another one that got its row id, nor for a change that was rolled back.
-- name: anchor_insert
INSERT INTO main.seal_anchor_data(id, anchor_id, type, subject, iss, value, exp_time, status, crl_number,
  generation)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, random())

-- name: anchor_update
UPDATE main.seal_anchor_data SET subject = ?4, value = ?6, exp_time = ?7, status = ?8,
  crl_number = coalesce(?9, crl_number), generation = random()
WHERE id = ?1

-- name: anchor_remove
DELETE FROM main.seal_anchor_data WHERE id = ?1

-- ?1 seal_server_id
-- name: server_find
SELECT id FROM main.seal_server_data WHERE seal_server_id = ?1

-- name: server_insert
INSERT INTO main.seal_server_data(id, seal_server_id, seal_service, end_pt, jwk, acked, status)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: server_update
UPDATE main.seal_server_data SET end_pt = ?4, jwk = ?5, acked = ?6, status = ?7 WHERE id = ?1

-- name: server_remove
DELETE FROM main.seal_server_data WHERE id = ?1

-- ?1 seal_service ?2 val_service_id ?3 name
-- name: policy_find
SELECT id FROM main.seal_policy_data WHERE seal_service = ?1 AND val_service_id = ?2 AND name = ?3

-- name: policy_insert
INSERT INTO main.seal_policy_data(id, seal_service, val_service_id, name, value, start_time, exp_time)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: policy_update
UPDATE main.seal_policy_data SET value = ?5, start_time = ?6, exp_time = ?7 WHERE id = ?1

-- name: policy_remove
DELETE FROM main.seal_policy_data WHERE id = ?1
