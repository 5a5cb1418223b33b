-- The ledgers: audit, usage, change.

-- name: audit_head
SELECT seq, hash FROM main.seal_audit_data ORDER BY seq DESC LIMIT 1

-- ?1 seq ?2 time ?3 actor ?4 action ?5 object ?6 outcome ?7 cause ?8 detail ?9 hash
-- name: audit_insert
INSERT INTO main.seal_audit_data(seq, time, actor, action, object, outcome, cause, detail, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

-- Numbers without gaps, in the order in which transactions commit: SQLite has one writer at a time.
-- ?1 time ?2 seal_service ?3 object ?4 operation
-- name: change_insert
INSERT INTO main.seal_change_data(seq, time, seal_service, object, operation)
VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM main.seal_change_data), ?1, ?2, ?3, ?4)

-- name: usage_last
SELECT coalesce(max(seq), 0) FROM main.seal_usage_data

-- These two write one row each, by VALUES and by its number: a statement of many rows would open a
-- savepoint of its own, and what is flushed before a host's statement would be taken back with that.
-- ?1 time ?2 VAL server ?3 seal_service ?4 operation ?5 result ?6 conf_id ?7 identities ?8 key records
-- name: usage_insert
INSERT INTO main.seal_usage_data(seq, time, agreement_id, val_provider_id, val_server_id,
  seal_service, operation, result, conf_id, identities, key_records)
VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM main.seal_usage_data), ?1,
  (SELECT a.agreement_id FROM main.seal_val_server_data AS v
    JOIN main.seal_agreement_data AS a ON a.id = v.agreement WHERE v.id = ?2),
  (SELECT a.val_provider_id FROM main.seal_val_server_data AS v
    JOIN main.seal_agreement_data AS a ON a.id = v.agreement WHERE v.id = ?2),
  (SELECT val_server_id FROM main.seal_val_server_data WHERE id = ?2), ?3, ?4, ?5, ?6, ?7, ?8)

-- ?1 seq ?2 identities ?3 key records
-- name: usage_add
UPDATE main.seal_usage_data SET identities = identities + ?2, key_records = key_records + ?3
WHERE seq = ?1

-- The event that rows of this transaction add to.
-- ?1 the last entry before this transaction ?2 VAL server ?3 seal_service
-- name: usage_find
SELECT seq FROM main.seal_usage_data
WHERE seq > ?1 AND operation = 'INSERT' AND seal_service = ?3
  AND val_server_id = (SELECT val_server_id FROM main.seal_val_server_data WHERE id = ?2)
