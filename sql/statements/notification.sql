-- What VAL servers are told (registrar/ledger/notification.c). Where many rows are written it is OR FAIL, and what a
-- load's rows may write calls no function: see ledger.sql.

-- The VAL server v is told: it said where, and the database is no SEAL server's, which hears of it from its registrar.
-- fragment: told
(v.notification_destination IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar'))

-- fragment: notification_columns
main.seal_notification_data(time, val_server, val_server_id, destination, event, object, detail, due_time, txn)
-- fragment: notification_values
?2, v.id, v.val_server_id, v.notification_destination, ?3, ?4, ?5, ?6, ?7

-- ?1 VAL server ?2 time ?3 event ?4 object ?5 detail ?6 due_time ?7 transaction
-- name: notification_one
INSERT OR FAIL INTO {{notification_columns}}
SELECT {{notification_values}} FROM main.seal_val_server_data AS v WHERE v.id = ?1 AND {{told}}

-- The same for the VAL servers of an agreement that are not terminated themselves.
-- ?1 agreement ?2 to ?7 as above
-- name: notification_agreement
INSERT OR FAIL INTO {{notification_columns}}
SELECT {{notification_values}} FROM main.seal_val_server_data AS v
WHERE v.agreement = ?1 AND v.status <> 'terminated' AND {{told}} ORDER BY v.id

-- The end of an agreement, a VAL server or a term became another one: who holds a configuration that it ends, before
-- or now, is told. Such a one ends later than ?8 by all else: the earlier of the two ends, or now.
-- fragment: told_of_end
v.status <> 'terminated' AND a.status <> 'terminated' AND {{told}}
-- When a configuration c ends by the terms that it was granted under.
-- fragment: until_terms
(SELECT coalesce(min(coalesce(ct.stop_time, {{forever}})), {{forever}})
  FROM main.seal_configuration_service AS cs JOIN main.seal_term_data AS ct ON ct.id = cs.term
  WHERE cs.configuration = c.id)

-- ?1 agreement ?2 to ?7 as above ?8 instant
-- name: notification_agreement_end
INSERT OR FAIL INTO {{notification_columns}}
SELECT {{notification_values}} FROM main.seal_val_server_data AS v
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.agreement = ?1 AND {{told_of_end}} AND coalesce(v.exp_time, {{forever}}) > ?8
  AND EXISTS (SELECT 1 FROM main.seal_configuration_data AS c
    WHERE c.val_server = v.id AND c.until > ?8 AND {{until_terms}} > ?8)
ORDER BY v.id

-- ?1 VAL server ?2 to ?7 as above ?8 instant
-- name: notification_val_server_end
INSERT OR FAIL INTO {{notification_columns}}
SELECT {{notification_values}} FROM main.seal_val_server_data AS v
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.id = ?1 AND {{told_of_end}} AND coalesce(a.stop_time, {{forever}}) > ?8
  AND EXISTS (SELECT 1 FROM main.seal_configuration_data AS c
    WHERE c.val_server = v.id AND c.until > ?8 AND {{until_terms}} > ?8)

-- ?1 term ?2 to ?7 as above ?8 instant
-- name: notification_term_end
INSERT OR FAIL INTO {{notification_columns}}
SELECT {{notification_values}} FROM main.seal_val_server_data AS v
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.id IN (SELECT c.val_server FROM main.seal_configuration_service AS s
    CROSS JOIN main.seal_configuration_data AS c ON c.id = s.configuration
    WHERE s.term = ?1 AND c.until > ?8 AND NOT EXISTS (
      SELECT 1 FROM main.seal_configuration_service AS cs JOIN main.seal_term_data AS ct ON ct.id = cs.term
      WHERE cs.configuration = c.id AND cs.term <> ?1 AND coalesce(ct.stop_time, {{forever}}) <= ?8))
  AND {{told_of_end}} AND coalesce(v.exp_time, {{forever}}) > ?8 AND coalesce(a.stop_time, {{forever}}) > ?8
ORDER BY v.id

-- What a configuration is called, when it ends by itself and by all else; no row: nobody is told of it.
-- ?1 configuration
-- name: notification_configuration
SELECT c.val_server, v.val_server_id, c.conf_id, c.seal_service, c.until,
  min(coalesce(v.exp_time, {{forever}}), coalesce(a.stop_time, {{forever}}), {{until_terms}}) AS others
FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE c.id = ?1 AND {{told_of_end}}

-- What this transaction tells already of configurations that the operator changed at the same instant.
-- ?1 VAL server ?2 transaction ?3 time
-- name: notification_same
SELECT seq, object, detail->>'$.validUntil' AS valid_until, json_type(detail, '$.validUntil') AS has_end,
  coalesce(detail->>'$.configurations', 1) AS n
FROM main.seal_notification_data
WHERE val_server = ?1 AND txn = ?2 AND time = ?3 AND event = 'VALIDITY_CHANGED'
  AND (detail->>'$.confId' IS NOT NULL OR detail->>'$.configurations' IS NOT NULL)
LIMIT 1

-- ?1 seq ?2 object ?3 detail
-- name: notification_join
UPDATE OR FAIL main.seal_notification_data SET object = ?2, detail = ?3 WHERE seq = ?1

-- What has not been delivered yet goes where the VAL server wants it now.
-- ?1 VAL server ?2 destination
-- name: notification_follow
UPDATE OR FAIL main.seal_notification_data SET destination = ?2
WHERE val_server = ?1 AND delivered_time IS NULL

-- What an agreement (1), a VAL server (2) or a term (3) is called.
-- ?1 kind ?2 id
-- name: notification_name
SELECT agreement_id AS first, NULL AS second, NULL AS third FROM main.seal_agreement_data WHERE ?1 = 1 AND id = ?2
UNION ALL SELECT val_server_id, NULL, NULL FROM main.seal_val_server_data WHERE ?1 = 2 AND id = ?2
UNION ALL SELECT a.agreement_id, t.seal_service, t.val_service_id FROM main.seal_term_data AS t
  CROSS JOIN main.seal_agreement_data AS a ON a.id = t.agreement WHERE ?1 = 3 AND t.id = ?2

-- A credential that still proves its VAL server.
-- ?1 id ?2 at
-- name: notification_credential
SELECT val_server, credential_id FROM main.seal_credential_data
WHERE id = ?1 AND coalesce(exp_time, {{forever}}) > ?2

-- How many seconds before an end a VAL server is told of it: as the registrar's row has it, and 0.
-- fragment: leads
(WITH lead(n, lead) AS (
  SELECT -1, 0
  UNION ALL
  SELECT n + 1, CAST((SELECT notice_before FROM main.seal_registrar_data WHERE id = 1)->>(n + 1) AS INTEGER)
  FROM lead WHERE n + 1 < json_array_length((SELECT notice_before FROM main.seal_registrar_data WHERE id = 1)))
  SELECT lead FROM lead)

-- Whether nobody was told of that end e of a VAL server, so many seconds before it.
-- fragment: untold
NOT EXISTS (SELECT 1 FROM main.seal_notification_cause AS k WHERE k.val_server = e.val_server
  AND k.credential = e.credential AND k.until = e.until AND k.lead = l.lead)

-- The configurations that something ends after ?2 and as near as the longest lead, each once: of what ends it first, one
-- arm finds it by an index, or by the operator's few rows.
-- fragment: horizon
(SELECT ?1 + max(lead) FROM {{leads}})
-- fragment: ending
(SELECT id FROM main.seal_configuration_data WHERE until > ?2 AND until <= {{horizon}}
  UNION
  SELECT c.id FROM main.seal_val_server_data AS v
    CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
    WHERE v.exp_time > ?2 AND v.exp_time <= {{horizon}}
  UNION
  SELECT c.id FROM main.seal_agreement_data AS a
    CROSS JOIN main.seal_val_server_data AS v ON v.agreement = a.id
    CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
    WHERE a.stop_time > ?2 AND a.stop_time <= {{horizon}}
  UNION
  SELECT s.configuration FROM main.seal_term_data AS t
    CROSS JOIN main.seal_configuration_service AS s ON s.term = t.id
    WHERE t.stop_time > ?2 AND t.stop_time <= {{horizon}})

-- What is due: of the ends of what VAL servers hold, each once for all configurations that have it; `name` is one of
-- those, n how many there are.
-- ?1 at ?2 ends after this instant
-- name: notice_configurations
SELECT e.val_server, e.val_server_id, e.credential, e.until, e.name, e.n, l.lead
FROM (
  SELECT v.id AS val_server, v.val_server_id, '' AS credential, {{until_configuration}} AS until,
    min(c.conf_id) AS name, count(*) AS n
  FROM {{ending}} AS g
  CROSS JOIN main.seal_configuration_data AS c ON c.id = g.id
  CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
  CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
  WHERE {{told_of_end}} GROUP BY 1, 4) AS e
CROSS JOIN {{leads}} AS l
WHERE e.until > ?2 AND e.until - l.lead <= ?1 AND {{untold}}
ORDER BY e.until - l.lead, e.val_server, l.lead

-- The same of credentials that are not revoked; that one has ended, nobody is told.
-- ?1 at ?2 ends after this instant
-- name: notice_credentials
SELECT e.val_server, e.val_server_id, e.credential, e.until, NULL AS name, 1 AS n, l.lead
FROM (
  SELECT v.id AS val_server, v.val_server_id, w.credential_id AS credential, w.exp_time AS until
  FROM main.seal_agreement_data AS a
  CROSS JOIN main.seal_val_server_data AS v ON v.agreement = a.id
  CROSS JOIN main.seal_credential_data AS w ON w.val_server = v.id
  WHERE {{told_of_end}} AND w.status = 'active' AND w.exp_time > ?2) AS e
CROSS JOIN {{leads}} AS l
WHERE l.lead > 0 AND e.until - l.lead <= ?1 AND {{untold}}
ORDER BY e.until - l.lead, e.val_server, l.lead

-- ?1 VAL server ?2 credential, '': configurations ?3 until ?4 lead
-- name: notice_cause
INSERT INTO main.seal_notification_cause(val_server, credential, until, lead) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO NOTHING

-- A configuration that has ended, and of whose end its VAL server was not told: before it goes.
-- fragment: ended_untold
SELECT 1 FROM (
  SELECT c.val_server, '' AS credential, {{until_configuration}} AS until
  FROM ended AS g
  CROSS JOIN main.seal_configuration_data AS c ON c.id = g.id
  CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
  CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
  WHERE {{told_of_end}}) AS e
CROSS JOIN (SELECT 0 AS lead) AS l
WHERE e.until > ?3 AND e.until <= ?2 AND {{untold}} LIMIT 1
-- ?1 configuration ?2 at ?3 ends after this instant
-- name: notice_missing
WITH ended AS (SELECT ?1 AS id) {{ended_untold}}
-- ?1 term ?2 at ?3 ends after this instant
-- name: notice_missing_term
WITH ended AS (SELECT configuration AS id FROM main.seal_configuration_service WHERE term = ?1) {{ended_untold}}

-- ?1 ends up to this instant ?2 how many
-- name: sweep_cause
DELETE FROM main.seal_notification_cause WHERE (val_server, credential, until, lead) IN (
  SELECT val_server, credential, until, lead FROM main.seal_notification_cause WHERE until <= ?1 LIMIT ?2)

-- What is not delivered yet, at ?1: when a notification n is tried next, as often as it was tried already after 1, 2, 4, ...
-- minutes and at last every hour; and whether it is given up. Both count from when it was due, or made if that was later.
-- fragment: notification_next
(max(n.due_time, n.time) + iif(n.attempts < 7, 60 * ((1 << n.attempts) - 1), 3780 + 3600 * (n.attempts - 6)))
-- fragment: notification_dead
(n.attempts > 0 AND max(n.due_time, n.time) + 86400 <= ?1)

-- None overtakes an earlier one to the same destination: it is due when those before it are.
-- ?1 at
-- name: notifying
SELECT seq, val_server_id, destination,
  CASE WHEN dead THEN 'dead' WHEN min(next_time <= ?1) OVER (PARTITION BY dead, destination ORDER BY seq) THEN 'due'
    ELSE 'waiting' END AS state,
  iif(dead, NULL, next_time) AS next_time, attempts, last_error
FROM (SELECT n.seq, CAST(n.val_server_id AS TEXT) AS val_server_id, CAST(n.destination AS TEXT) AS destination, n.attempts,
    CAST(n.last_error AS TEXT) AS last_error, {{notification_next}} AS next_time, {{notification_dead}} AS dead
  FROM main.seal_notification_data AS n WHERE n.delivered_time IS NULL)
ORDER BY seq

-- What is sent, and the name under which it may be sent again.
-- ?1 seq
-- name: notifying_body
SELECT json_object('seq', n.seq, 'time', strftime('%Y-%m-%dT%H:%M:%SZ', n.time, 'unixepoch'), 'event', CAST(n.event AS TEXT),
    'valServerId', CAST(n.val_server_id AS TEXT), 'object', CAST(n.object AS TEXT),
    'detail', iif(json_valid(CAST(n.detail AS TEXT)), json(CAST(n.detail AS TEXT)), NULL)) AS body,
  (SELECT epoch FROM main.seal_registrar_data WHERE id = 1) || '-' || n.seq AS key
FROM main.seal_notification_data AS n WHERE n.seq = ?1

-- What was delivered, or given up, before an instant. The last one stays: the next one's number comes from it.
-- ?1 before this instant ?2 given up if it was due before this one
-- name: prune_notification
DELETE FROM main.seal_notification_data
WHERE seq < (SELECT max(seq) FROM main.seal_notification_data) AND time < ?1
  AND (delivered_time IS NOT NULL OR (attempts > 0 AND max(due_time, time) < ?2))
