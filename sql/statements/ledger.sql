-- The ledgers: audit, usage, change. Charging records are in charging.sql.

-- The chain's head, and the end of the last day that is charged: read together, once in a transaction.
-- name: audit_head
SELECT seq, hash, (SELECT until FROM main.seal_charge_state WHERE id = 1) AS charged
FROM main.seal_audit_data ORDER BY seq DESC LIMIT 1

-- ?1 seq ?2 time ?3 actor ?4 action ?5 object ?6 outcome ?7 cause ?8 detail ?9 hash ?10 the host's clock
-- name: audit_insert
INSERT INTO main.seal_audit_data(seq, time, actor, action, object, outcome, cause, detail, hash, written_time)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- Refusals of senders who are not known: how many of a minute the audit has.
-- ?1 minute
-- name: refusal_audited
SELECT coalesce(sum(audited), 0) AS n FROM main.seal_refusal_data WHERE minute = ?1

-- ?1 minute ?2 cause ?3 how many more are only counted ?4 are in the audit
-- name: refusal_add
INSERT INTO main.seal_refusal_data(minute, cause, count, audited) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (minute, cause) DO UPDATE SET count = count + ?3, audited = audited + ?4

-- Every refusal, of known senders too.
-- ?1 cause ?2 how many more
-- name: refusal_count
INSERT INTO main.seal_refusal_use(cause, refused) VALUES (?1, ?2)
ON CONFLICT DO UPDATE SET refused = refused + ?2

-- ?1 before this instant ?2 how many
-- name: sweep_refusal
DELETE FROM main.seal_refusal_data WHERE id IN (
  SELECT id FROM main.seal_refusal_data WHERE minute <= ?1 LIMIT ?2)

-- From the first one that there is: what lies before the chain's beginning was added.
-- ?1 to this entry
-- name: audit_walk
SELECT seq, time, actor, action, object, outcome, cause, detail, hash, written_time
FROM main.seal_audit_data WHERE seq <= ?1 ORDER BY seq

-- The checkpoint at which the chain was cut.
-- name: audit_base
SELECT seq, hash FROM main.seal_audit_checkpoint WHERE pruned = 1

-- ?1 from this entry on
-- name: checkpoint_walk
SELECT seq, hash, jws FROM main.seal_audit_checkpoint WHERE seq >= ?1 ORDER BY seq

-- ?1 seq ?2 hash ?3 JWS ?4 at ?5 last usage entry
-- name: checkpoint_insert
INSERT INTO main.seal_audit_checkpoint(seq, hash, jws, time, usage, exported, pruned)
VALUES (?1, ?2, ?3, ?4, ?5, 0, 0)
ON CONFLICT DO NOTHING

-- ?1 at or before this entry
-- name: checkpoint_before
SELECT max(seq) AS seq FROM main.seal_audit_checkpoint WHERE seq <= ?1 AND jws <> ''

-- ?1 seq
-- name: checkpoint_exported
UPDATE main.seal_audit_checkpoint SET exported = 1 WHERE seq <= ?1

-- The last exported checkpoint before the first entry that is not older than an instant.
-- ?1 before this instant
-- name: prune_end
SELECT seq, usage, time FROM main.seal_audit_checkpoint
WHERE exported AND NOT pruned AND jws <> '' AND seq < coalesce((SELECT min(seq) FROM main.seal_audit_data
    WHERE time >= ?1), {{forever}})
ORDER BY seq DESC LIMIT 1

-- ?1 to this entry
-- name: prune_audit
DELETE FROM main.seal_audit_data WHERE seq <= ?1

-- The last entry stays: the next one's number comes from it.
-- ?1 to this entry ?2 before this instant
-- name: prune_usage
DELETE FROM main.seal_usage_data
WHERE seq <= ?1 AND time < ?2 AND seq < (SELECT max(seq) FROM main.seal_usage_data)
-- name: prune_usage_unit
DELETE FROM main.seal_usage_unit WHERE usage IN (SELECT seq FROM main.seal_usage_data
  WHERE seq <= ?1 AND time < ?2 AND seq < (SELECT max(seq) FROM main.seal_usage_data))

-- ?1 checkpoints before this one
-- name: checkpoint_forget
DELETE FROM main.seal_audit_checkpoint WHERE seq < ?1
-- name: checkpoint_base
UPDATE main.seal_audit_checkpoint SET pruned = 1 WHERE seq = ?1

-- A signing key that the registrar has or had.
-- ?1 kid
-- name: signing_public
SELECT public FROM main.seal_registrar_key WHERE kid = ?1

-- Numbers without gaps, in the order in which transactions commit: SQLite has one writer at a time, and
-- gives a new row the largest number there is, plus one.
-- ?1 time ?2 seal_service ?3 object ?4 operation ?5 hash
-- name: change_insert
INSERT INTO main.seal_change_data(time, seal_service, object, operation, hash) VALUES (?1, ?2, ?3, ?4, ?5)

-- name: usage_last
SELECT coalesce(max(seq), 0) AS seq FROM main.seal_usage_data

-- Here and in occupancy.sql, what counts rows says OR FAIL and calls no function: a statement of many rows
-- that may have to take itself back opens a savepoint, and SQLite then opens that of the host's statement, too. What is written
-- from there on would be taken back when the host's statement fails, though it belongs to earlier ones.
-- ?1 time ?2 VAL server ?3 seal_service ?4 operation ?5 result ?6 conf_id ?7 identities ?8 key records
-- name: usage_insert
INSERT OR FAIL INTO main.seal_usage_data(time, agreement_id, val_provider_id, val_server_id, seal_service,
  operation, result, conf_id, identities, key_records)
SELECT ?1, a.agreement_id, a.val_provider_id, v.val_server_id, ?3, ?4, ?5, ?6, ?7, ?8
FROM main.seal_val_server_data AS v JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.id = ?2

-- What an event was an invocation of: a term, with its price as of now and the invocation's number.
-- ?1 event ?2 term ?3 identities ?4 key records
-- name: usage_unit_insert
INSERT OR FAIL INTO main.seal_usage_unit(usage, term, val_service_id, invocation, identities, key_records,
  price_per_invocation, currency)
SELECT ?1, t.id, t.val_service_id, u.invocations, ?3, ?4, t.price_per_invocation, t.currency
FROM main.seal_term_data AS t JOIN main.seal_term_use AS u ON u.term = t.id
WHERE t.id = ?2

-- The event of this transaction's rows, if there is one.
-- ?1 the last entry before this transaction ?2 VAL server ?3 seal_service
-- name: usage_rows_find
SELECT seq FROM main.seal_usage_data
WHERE seq > ?1 AND operation = 'INSERT' AND seal_service = ?3
  AND val_server_id = (SELECT val_server_id FROM main.seal_val_server_data WHERE id = ?2)

-- ?1 event ?2 identities ?3 key records
-- name: usage_add
UPDATE OR FAIL main.seal_usage_data SET identities = identities + ?2, key_records = key_records + ?3
WHERE seq = ?1

-- ?1 event ?2 term ?3 identities ?4 key records
-- name: usage_unit_add
UPDATE OR FAIL main.seal_usage_unit SET identities = identities + ?3, key_records = key_records + ?4
WHERE usage = ?1 AND term = ?2

-- ?1 event ?2 term
-- name: usage_unit_find
SELECT 1 FROM main.seal_usage_unit WHERE usage = ?1 AND term = ?2
