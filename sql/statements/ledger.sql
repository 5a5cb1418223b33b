-- The ledgers: audit, usage, change.

-- name: audit_head
SELECT seq, hash FROM main.seal_audit_data ORDER BY seq DESC LIMIT 1

-- ?1 seq ?2 time ?3 actor ?4 action ?5 object ?6 outcome ?7 cause ?8 detail ?9 hash
-- name: audit_insert
INSERT INTO main.seal_audit_data(seq, time, actor, action, object, outcome, cause, detail, hash)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

-- Numbers without gaps, in the order in which transactions commit: SQLite has one writer at a time, and
-- gives a new row the largest number there is, plus one.
-- ?1 time ?2 seal_service ?3 object ?4 operation
-- name: change_insert
INSERT INTO main.seal_change_data(time, seal_service, object, operation) VALUES (?1, ?2, ?3, ?4)

-- name: usage_last
SELECT coalesce(max(seq), 0) FROM main.seal_usage_data

-- ?1 time ?2 VAL server ?3 seal_service ?4 operation ?5 result ?6 conf_id ?7 identities ?8 key records
-- name: usage_insert
INSERT INTO main.seal_usage_data(time, agreement_id, val_provider_id, val_server_id, seal_service,
  operation, result, conf_id, identities, key_records)
SELECT ?1, a.agreement_id, a.val_provider_id, v.val_server_id, ?3, ?4, ?5, ?6, ?7, ?8
FROM main.seal_val_server_data AS v JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.id = ?2

-- ?1 the last entry before this transaction ?2 VAL server ?3 seal_service ?4 identities ?5 key records
-- name: usage_add
UPDATE main.seal_usage_data SET identities = identities + ?4, key_records = key_records + ?5
WHERE seq > ?1 AND operation = 'INSERT' AND seal_service = ?3
  AND val_server_id = (SELECT val_server_id FROM main.seal_val_server_data WHERE id = ?2)
