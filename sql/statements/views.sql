-- The relations as queries on their storage. The relation's columns stand in their declared order
-- after the row id; ?1 is the instant asked for, NULL = every stored row. The hidden columns
-- (credential, at) are not in storage and not here. An instant is given as an integer; relation.c
-- writes it as text.

-- The frame that relation.c fills in: columns, view, constraints, order.
-- name: view_frame
SELECT %s FROM (%s) WHERE 1%s%s

-- Until when nothing bounds: the largest integer.
-- fragment: forever
9223372036854775807

-- Since when nothing bounds: the first instant that there is.
-- fragment: never
-62167219200

-- Valid at ?1 by its own start_time and stop_time.
-- fragment: valid_window
(?1 IS NULL OR (coalesce(w.start_time, -1e18) <= ?1 AND coalesce(w.stop_time, {{forever}}) > ?1))

-- Valid at ?1 by its own start_time and exp_time.
-- fragment: valid_exp
(?1 IS NULL OR (coalesce(w.start_time, -1e18) <= ?1 AND coalesce(w.exp_time, {{forever}}) > ?1))

-- The configuration c of VAL server v under agreement a is valid at ?1: its own end, the VAL
-- server's end and status, the agreement's window and status, every term's window.
-- fragment: valid_configuration
(c.until > ?1
  AND v.status = 'active' AND coalesce(v.exp_time, {{forever}}) > ?1
  AND a.status = 'active'
  AND coalesce(a.start_time, -1e18) <= ?1 AND coalesce(a.stop_time, {{forever}}) > ?1
  AND NOT EXISTS (SELECT 1 FROM main.seal_configuration_service AS cs
    JOIN main.seal_term_data AS ct ON ct.id = cs.term
    WHERE cs.configuration = c.id
      AND (coalesce(ct.start_time, -1e18) > ?1 OR coalesce(ct.stop_time, {{forever}}) <= ?1)))

-- Until when it is valid: the earliest of those ends, {{forever}} when there is none.
-- fragment: until_configuration
min(c.until, coalesce(v.exp_time, {{forever}}), coalesce(a.stop_time, {{forever}}),
  (SELECT coalesce(min(coalesce(ct.stop_time, {{forever}})), {{forever}})
   FROM main.seal_configuration_service AS cs JOIN main.seal_term_data AS ct ON ct.id = cs.term
   WHERE cs.configuration = c.id))

-- Counts are cast so that they compare as the relation's own INTEGER columns do.
-- name: view_registrar
SELECT r.id, r.identifier, r.skms_uri, r.format, r.installed_time, CAST(?2 AS INTEGER) AS sealed,
  r.signing_kid, r.last_sweep_time,
  CAST((SELECT count(*) FROM main.seal_agreement_data) AS INTEGER) AS agreements,
  CAST((SELECT count(*) FROM main.seal_val_server_data) AS INTEGER) AS val_servers,
  CAST((SELECT count(*) FROM main.seal_configuration_data) AS INTEGER) AS configurations,
  CAST((SELECT coalesce(sum(identities), 0) FROM main.seal_term_use) AS INTEGER) AS identities,
  CAST((SELECT coalesce(sum(key_records), 0) FROM main.seal_term_use) AS INTEGER) AS key_records,
  r.bundle_to AS applied
FROM main.seal_registrar_data AS r

-- name: view_agreement
SELECT w.id, w.agreement_id, w.val_provider_id, w.start_time, w.stop_time, w.status,
  w.max_val_servers
FROM main.seal_agreement_data AS w WHERE {{valid_window}}

-- name: view_term
SELECT w.id, a.agreement_id, w.seal_service, w.val_service_id, w.max_identities, w.max_key_records,
  w.max_validity, w.key_formats, w.scopes, w.allowed_total_invocations,
  w.allowed_invocations_per_second, w.allowed_invocation_time_ranges, w.start_time, w.stop_time,
  w.price_per_invocation, w.price_per_identity_day, w.currency
FROM main.seal_term_data AS w JOIN main.seal_agreement_data AS a ON a.id = w.agreement
WHERE {{valid_window}}

-- name: view_val_server
SELECT w.id, w.val_server_id, a.agreement_id, w.end_pt, w.notification_destination, w.exp_time,
  w.status
FROM main.seal_val_server_data AS w JOIN main.seal_agreement_data AS a ON a.id = w.agreement
WHERE (?1 IS NULL OR coalesce(w.exp_time, {{forever}}) > ?1)

-- A public key or certificate reads back; a secret does not.
-- name: view_credential
SELECT w.id, w.credential_id, v.val_server_id, w.type,
  CASE WHEN w.type <> 'psk' THEN w.value END AS value, w.start_time, w.exp_time, w.status
FROM main.seal_credential_data AS w JOIN main.seal_val_server_data AS v ON v.id = w.val_server
WHERE {{valid_exp}}

-- name: view_anchor
SELECT w.id, w.anchor_id, w.type, w.subject, w.iss, w.value, w.exp_time, w.status
FROM main.seal_anchor_data AS w WHERE (?1 IS NULL OR coalesce(w.exp_time, {{forever}}) > ?1)

-- name: view_server
SELECT w.id, w.seal_server_id, w.seal_service, w.end_pt, w.jwk, w.acked, w.status
FROM main.seal_server_data AS w

-- name: view_policy
SELECT w.id, w.seal_service, w.val_service_id, w.name, w.value, w.start_time, w.exp_time
FROM main.seal_policy_data AS w WHERE {{valid_exp}}

-- name: view_configuration
SELECT c.id, v.val_server_id, c.conf_id, c.seal_service, c.exp_time,
  nullif({{until_configuration}}, {{forever}}) AS valid_until, c.created_time, c.updated_time,
  c.supp_feat
FROM main.seal_configuration_data AS c
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE (?1 IS NULL OR {{valid_configuration}})

-- name: view_identity
SELECT i.id, v.val_server_id, s.val_service_id, i.val_user_id, i.val_ue_id, c.conf_id, c.exp_time,
  nullif({{until_configuration}}, {{forever}}) AS valid_until
FROM main.seal_identity_data AS i
JOIN main.seal_configuration_service AS s ON s.id = i.service
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE (?1 IS NULL OR {{valid_configuration}})

-- The same for a question that names no identity: configurations first, then the rows of each, so
-- that validity is judged once per configuration.
-- name: view_identity_all
SELECT i.id, v.val_server_id, s.val_service_id, i.val_user_id, i.val_ue_id, c.conf_id, c.exp_time,
  nullif({{until_configuration}}, {{forever}}) AS valid_until
FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id
CROSS JOIN main.seal_identity_data AS i
  ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
WHERE (?1 IS NULL OR {{valid_configuration}})

-- name: view_key
SELECT s.id, v.val_server_id, s.val_service_id, s.key_format, s.scope, c.conf_id, c.exp_time,
  nullif({{until_configuration}}, {{forever}}) AS valid_until
FROM main.seal_configuration_service AS s
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE c.seal_service = 'key-management' AND (?1 IS NULL OR {{valid_configuration}})

-- key_info is as it is stored; the relation opens it.
-- name: view_key_record
SELECT r.id, v.val_server_id, s.val_service_id, r.val_user_id, r.val_ue_id, r.client_id,
  r.key_format, r.key_info, r.user_uri, c.conf_id, c.exp_time,
  nullif({{until_configuration}}, {{forever}}) AS valid_until
FROM main.seal_key_record_data AS r
JOIN main.seal_configuration_service AS s ON s.id = r.service
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE (?1 IS NULL OR {{valid_configuration}})

-- name: view_usage
SELECT u.seq AS id, u.seq, u.time, u.agreement_id, u.val_provider_id, u.val_server_id, u.seal_service,
  u.operation, u.result, u.conf_id, u.identities, u.key_records,
  (SELECT json_group_array(json_object('val_service_id', n.val_service_id,
      'invocation', n.invocation, 'identities', n.identities, 'key_records', n.key_records,
      'price_per_invocation', n.price_per_invocation, 'currency', n.currency))
    FROM main.seal_usage_unit AS n WHERE n.usage = u.seq) AS units
FROM main.seal_usage_data AS u

-- name: view_audit
SELECT e.seq AS id, e.seq, e.time, e.actor, e.action, e.object, e.outcome, e.cause, e.detail,
  (SELECT lower(hex(p.hash)) FROM main.seal_audit_data AS p WHERE p.seq = e.seq - 1
    UNION ALL SELECT lower(hex(p.hash)) FROM main.seal_audit_checkpoint AS p
      WHERE p.seq = e.seq - 1 AND p.pruned) AS prev_hash,
  lower(hex(e.hash)) AS hash
FROM main.seal_audit_data AS e

-- name: view_change
SELECT e.seq AS id, e.seq, e.time, e.seal_service, e.object, e.operation FROM main.seal_change_data AS e

-- What this connection remembers (?2, a JSON array of [id, stored row or 0, status, message_id, requester])
-- stands before what is stored under the same message_id. The request is stored nowhere.
-- name: view_message
SELECT r.value->>0 AS id, r.value->>3 AS message_id, r.value->>4 AS requester, NULL AS request,
  r.value->>2 AS status, m.response
FROM json_each(?2) AS r LEFT JOIN main.seal_message_data AS m
  ON m.id = r.value->>1 AND m.message_id = r.value->>3 AND m.requester = r.value->>4
UNION ALL
SELECT m.id, m.message_id, m.requester, NULL, m.status, m.response FROM main.seal_message_data AS m
WHERE m.message_id NOT IN (SELECT n.value->>3 FROM json_each(?2) AS n)

-- The results that this connection remembers, newest first: ?2 is a JSON array of objects.
-- name: view_command
SELECT r.value->>'seq' AS id, r.value->>'command' AS command, NULL AS argument, NULL AS result
FROM json_each(?2) AS r
