-- What Prometheus is told (ext/tables/function/function_at.c). Every family is an arm or some, one after the other,
-- so that its rows stand together; a value that is not known has no row.
-- It is asked every few seconds, at any size: it reads counters, ends of indexes, and what the operator made (agreements,
-- terms, VAL servers, credentials, anchors, SEAL servers), and nothing that grows with identities, messages or ledgers.
-- What has ended counts until it is swept: to take it off is a pass over what is held.

-- ?1 at ?2 whether this connection is sealed
-- name: metrics
WITH agreement AS MATERIALIZED (
  SELECT a.id, CAST(a.agreement_id AS TEXT) AS agreement_id, CAST(a.val_provider_id AS TEXT) AS val_provider_id,
    a.stop_time, a.max_val_servers
  FROM main.seal_agreement_data AS a WHERE {{metrics_agreement}} ORDER BY a.agreement_id LIMIT {{metrics_most}}
), term AS MATERIALIZED (
  SELECT json_object('agreement_id', CAST(a.agreement_id AS TEXT), 'seal_service', CAST(t.seal_service AS TEXT),
      'val_service_id', CAST(t.val_service_id AS TEXT)) AS labels,
    u.identities, u.key_records, u.invocations, t.max_identities, t.max_key_records, t.allowed_total_invocations,
    nullif(min(coalesce(t.stop_time, {{forever}}), coalesce(a.stop_time, {{forever}})), {{forever}}) AS until
  FROM main.seal_agreement_data AS a CROSS JOIN main.seal_term_data AS t ON t.agreement = a.id
  LEFT JOIN main.seal_term_use AS u ON u.term = t.id
  WHERE {{metrics_agreement}} AND {{metrics_term}}
  ORDER BY a.agreement_id, t.seal_service, t.val_service_id LIMIT {{metrics_most}}
), server AS MATERIALIZED (
  SELECT json_object('seal_server_id', CAST(w.seal_server_id AS TEXT), 'seal_service', CAST(w.seal_service AS TEXT))
      AS labels, coalesce(w.acked, 0) AS acked
  FROM main.seal_server_data AS w WHERE w.status = 'active' ORDER BY w.seal_server_id LIMIT {{metrics_most}}
), told(seq) AS MATERIALIZED (
  SELECT coalesce((SELECT c.seq FROM main.seal_change_data AS c
    WHERE c.seq > (SELECT min(acked) FROM server) AND c.object NOT GLOB 'seal_server:*'
      AND c.object NOT GLOB 'seal_credential:*' AND c.object NOT GLOB 'seal_anchor:*' AND c.object NOT GLOB 'seal_registrar*'
    ORDER BY c.seq DESC LIMIT 1), 0)
), reg AS MATERIALIZED (
  SELECT r.*, EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar') AS is_server
  FROM main.seal_registrar_data AS r WHERE r.id = 1
), charge AS MATERIALIZED (
  SELECT s.until, s.taken, (SELECT coalesce(max(seq), 0) FROM main.seal_charge_data) AS last
  FROM main.seal_charge_state AS s WHERE s.id = 1
), head AS MATERIALIZED (
  SELECT seq, written_time FROM main.seal_audit_data ORDER BY seq DESC LIMIT 1
), signed AS MATERIALIZED (
  SELECT seq, time FROM main.seal_audit_checkpoint WHERE jws <> '' ORDER BY seq DESC LIMIT 1
)
SELECT name, labels, CAST(value AS INTEGER) AS value, help, type FROM (

SELECT 'seal_build_info' AS name, json_object('version', seal_version()) AS labels, 1 AS value,
  'The version of the registrar, as a label.' AS help, 'gauge' AS type
UNION ALL SELECT 'seal_database_info', json_object('identifier', CAST(identifier AS TEXT),
    'role', iif(is_server, 'seal-server', 'registrar')), 1,
  'What the database is called, and whose it is: the registrar''s or a SEAL server''s.', 'gauge' FROM reg
UNION ALL SELECT 'seal_storage_format', '{}', format, 'Number of the storage format.', 'gauge' FROM reg
UNION ALL SELECT 'seal_epoch', '{}', epoch, 'Number of this history: a higher one since each restore.', 'gauge' FROM reg
UNION ALL SELECT 'seal_sealed', '{}', ?2, '1 until the connection that answers is unlocked.', 'gauge'
UNION ALL SELECT 'seal_installed_timestamp_seconds', '{}', installed_time, 'When the registrar was installed.', 'gauge'
FROM reg
UNION ALL SELECT 'seal_restored_timestamp_seconds', '{}', restored_time, 'When a copy was restored last.', 'gauge' FROM reg
UNION ALL SELECT 'seal_asked_timestamp_seconds', '{}', ?1, 'The instant at which these metrics hold.', 'gauge'
UNION ALL SELECT 'seal_clock_back_seconds', '{}', max(clock_time - ?1, 0),
  'How far the clock is behind the latest instant at which a credential was used; beyond 30 all are refused.', 'gauge'
FROM reg
UNION ALL SELECT 'seal_signing_key_created_timestamp_seconds', '{}', k.created_time,
  'When the key was made that signs now.', 'gauge'
FROM reg CROSS JOIN main.seal_registrar_key AS k ON k.kid = reg.signing_kid

UNION ALL SELECT 'seal_identities', '{}', (SELECT coalesce(sum(identities), 0) FROM main.seal_term_use),
  'Identities that are stored; what has ended counts until it is swept.', 'gauge'
UNION ALL SELECT 'seal_key_records', '{}', (SELECT coalesce(sum(key_records), 0) FROM main.seal_term_use),
  'Key records that are stored; what has ended counts until it is swept.', 'gauge'
UNION ALL SELECT 'seal_agreements', json_object('state', s.state), coalesce(n.n, 0),
  'Agreements that are stored, by their state.', 'gauge'
FROM ({{metrics_states}} UNION ALL SELECT 'not_started') AS s LEFT JOIN (
  SELECT CASE WHEN a.status = 'terminated' THEN 'terminated' WHEN a.stop_time <= ?1 THEN 'ended'
    WHEN a.status = 'suspended' THEN 'suspended' WHEN a.start_time > ?1 THEN 'not_started' ELSE 'valid' END AS state,
    count(*) AS n
  FROM main.seal_agreement_data AS a GROUP BY 1) AS n ON n.state = s.state
UNION ALL SELECT 'seal_val_servers', json_object('state', s.state), coalesce(n.n, 0),
  'VAL servers that are stored, by their own state.', 'gauge'
FROM ({{metrics_states}}) AS s LEFT JOIN (
  SELECT CASE WHEN v.status = 'terminated' THEN 'terminated' WHEN v.exp_time <= ?1 THEN 'ended'
    WHEN v.status = 'suspended' THEN 'suspended' ELSE 'valid' END AS state, count(*) AS n
  FROM main.seal_val_server_data AS v GROUP BY 1) AS n ON n.state = s.state

UNION ALL SELECT 'seal_agreement_val_servers', {{metrics_of_agreement}}, (SELECT count(*) FROM main.seal_val_server_data AS v
    WHERE v.agreement = agreement.id AND v.status <> 'terminated' AND coalesce(v.exp_time, {{forever}}) > ?1),
  'VAL servers of an agreement that have not ended.', 'gauge' FROM agreement
UNION ALL SELECT 'seal_agreement_max_val_servers', {{metrics_of_agreement}}, max_val_servers,
  'How many VAL servers an agreement may have.', 'gauge' FROM agreement
UNION ALL SELECT 'seal_agreement_end_timestamp_seconds', {{metrics_of_agreement}}, stop_time,
  'When an agreement ends.', 'gauge' FROM agreement
UNION ALL SELECT 'seal_term_identities', labels, coalesce(identities, 0),
  'Identities that are stored under a term; what has ended counts until it is swept.', 'gauge' FROM term
UNION ALL SELECT 'seal_term_max_identities', labels, max_identities,
  'How many identities may be held under a term at a time.', 'gauge' FROM term
UNION ALL SELECT 'seal_term_key_records', labels, coalesce(key_records, 0),
  'Key records that are stored under a term; what has ended counts until it is swept.', 'gauge' FROM term
UNION ALL SELECT 'seal_term_max_key_records', labels, max_key_records,
  'How many key records may be held under a term at a time.', 'gauge' FROM term
UNION ALL SELECT 'seal_term_invocations_total', labels, coalesce(invocations, 0),
  'How often a term was invoked.', 'counter' FROM term
UNION ALL SELECT 'seal_term_allowed_invocations', labels, allowed_total_invocations,
  'How often a term may be invoked in all.', 'gauge' FROM term
UNION ALL SELECT 'seal_term_end_timestamp_seconds', labels, until,
  'When a term ends, by itself or with its agreement.', 'gauge' FROM term

UNION ALL SELECT 'seal_next_end_timestamp_seconds', json_object('kind', kind), until,
  'The earliest end ahead among what is active, by its kind.', 'gauge'
FROM (SELECT 'agreement' AS kind, (SELECT min(stop_time) FROM main.seal_agreement_data
    WHERE status = 'active' AND stop_time > ?1) AS until
  UNION ALL SELECT 'term', (SELECT min(t.stop_time) FROM main.seal_agreement_data AS a
    CROSS JOIN main.seal_term_data AS t ON t.agreement = a.id
    WHERE a.status = 'active' AND coalesce(a.stop_time, {{forever}}) > ?1 AND t.stop_time > ?1)
  UNION ALL SELECT 'val_server', (SELECT min(exp_time) FROM main.seal_val_server_data
    WHERE status = 'active' AND exp_time > ?1)
  UNION ALL SELECT 'credential', (SELECT min(exp_time) FROM main.seal_credential_data
    WHERE status = 'active' AND exp_time > ?1)
  UNION ALL SELECT type || '_anchor', min(exp_time) FROM main.seal_anchor_data
    WHERE status = 'active' AND exp_time > ?1 GROUP BY type)
UNION ALL SELECT 'seal_anchors_ended', json_object('type', CAST(type AS TEXT)),
  sum(status = 'active' AND coalesce(exp_time, {{forever}}) <= ?1),
  'Anchors that are active and have ended: nothing is trusted by them any more.', 'gauge'
FROM main.seal_anchor_data GROUP BY type

UNION ALL SELECT 'seal_server_acked_changes', labels, acked,
  'The last change that a SEAL server has applied.', 'gauge' FROM server
UNION ALL SELECT 'seal_server_acked_timestamp_seconds', labels,
    (SELECT c.time FROM main.seal_change_data AS c WHERE c.seq = server.acked),
  'When the last change was made that a SEAL server has applied.', 'gauge' FROM server
UNION ALL SELECT 'seal_server_lag_changes', labels, max(told.seq - server.acked, 0),
  'How many changes a SEAL server is behind, as far as SEAL servers are told any.', 'gauge' FROM told CROSS JOIN server
UNION ALL SELECT 'seal_bundle_applied_changes', '{}', bundle_seq,
  'At a SEAL server: the last change of the registrar that was applied.', 'gauge' FROM reg WHERE is_server
UNION ALL SELECT 'seal_bundle_applied_timestamp_seconds', '{}', bundle_time,
  'At a SEAL server: when the bundle was issued that was applied last.', 'gauge' FROM reg WHERE is_server
UNION ALL SELECT 'seal_bundle_until_timestamp_seconds', '{}', bundle_until,
  'At a SEAL server: until when it serves without another bundle.', 'gauge' FROM reg WHERE is_server

UNION ALL SELECT 'seal_refusals_total', json_object('cause', CAST(cause AS TEXT)), refused,
  'What VAL servers and others were refused: messages, and rows as far as the host went on.', 'counter'
FROM main.seal_refusal_use
UNION ALL SELECT 'seal_notifications_total', '{}', (SELECT coalesce(max(seq), 0) FROM main.seal_notification_data),
  'Notifications that were made.', 'counter'
UNION ALL SELECT 'seal_notifications_undelivered', '{}', (SELECT count(*) FROM (
    SELECT 1 FROM main.seal_notification_data WHERE delivered_time IS NULL LIMIT 1000)),
  'Notifications that were not delivered yet; 1000: as many or more.', 'gauge'
UNION ALL SELECT 'seal_notification_oldest_due_timestamp_seconds', '{}',
    (SELECT min(due_time) FROM main.seal_notification_data WHERE delivered_time IS NULL),
  'When the oldest notification was due that was not delivered yet.', 'gauge'

UNION ALL SELECT 'seal_notifications_dead', '{}', (SELECT count(*) FROM (
    SELECT n.* FROM main.seal_notification_data AS n WHERE n.delivered_time IS NULL ORDER BY n.due_time LIMIT 1000) AS n
    WHERE {{notification_dead}}),
  'Notifications that were tried in vain for a day and given up, of the 1000 that wait longest.', 'gauge'

UNION ALL SELECT 'seal_charge_records_total', '{}', last, 'Charging records that were made.', 'counter' FROM charge
UNION ALL SELECT 'seal_charge_records_untaken', '{}', max(last - taken, 0),
  'Charging records that no charging system has taken yet.', 'gauge' FROM charge
UNION ALL SELECT 'seal_charge_oldest_untaken_timestamp_seconds', '{}',
    (SELECT g.time FROM main.seal_charge_data AS g WHERE g.seq = charge.taken + 1),
  'When the oldest charging record was made that no charging system has taken yet.', 'gauge' FROM charge
UNION ALL SELECT 'seal_charged_until_timestamp_seconds', '{}', until,
  'Until when identity-days are charged.', 'gauge' FROM charge
UNION ALL SELECT 'seal_usage_events_total', '{}', (SELECT coalesce(max(seq), 0) FROM main.seal_usage_data),
  'Chargeable events.', 'counter'
UNION ALL SELECT 'seal_changes_total', '{}', (SELECT coalesce(max(seq), 0) FROM main.seal_change_data),
  'Changes of objects, as SEAL servers are told them.', 'counter'

UNION ALL SELECT 'seal_audit_entries_total', '{}',
    coalesce((SELECT seq FROM head), (SELECT max(seq) FROM main.seal_audit_checkpoint), 0),
  'Entries of the audit: the number of the chain''s head.', 'counter'
UNION ALL SELECT 'seal_audit_written_timestamp_seconds', '{}', written_time,
  'When the audit''s last entry was written.', 'gauge' FROM head
UNION ALL SELECT 'seal_audit_oldest_timestamp_seconds', '{}',
    (SELECT time FROM main.seal_audit_data ORDER BY seq LIMIT 1),
  'The time of the oldest entry that the audit still has: how far back it was pruned.', 'gauge'
UNION ALL SELECT 'seal_audit_checkpoint_entries', '{}', coalesce((SELECT seq FROM signed), 0),
  'The last entry of the audit that was signed by the command checkpoint.', 'gauge'
UNION ALL SELECT 'seal_audit_checkpoint_timestamp_seconds', '{}', time,
  'When the audit was signed last by the command checkpoint.', 'gauge' FROM signed
UNION ALL SELECT 'seal_audit_exported_entries', '{}', coalesce((
    SELECT seq FROM main.seal_audit_checkpoint WHERE exported AND jws <> '' ORDER BY seq DESC LIMIT 1), 0),
  'The last signed entry of the audit that was exported, by the command export-mark.', 'gauge'

UNION ALL SELECT 'seal_last_sweep_timestamp_seconds', '{}', last_sweep_time,
  'When the registrar was swept last.', 'gauge' FROM reg
UNION ALL SELECT 'seal_unswept_timestamp_seconds', '{}',
    (SELECT min(until) FROM main.seal_configuration_data WHERE until <= ?1),
  'When the oldest configuration ended by itself that waits for the sweep.', 'gauge'
UNION ALL SELECT 'seal_metrics_left_out', json_object('kind', kind), max(n - {{metrics_most}}, 0),
  'How many objects of a kind have no metrics of their own, for there are more than {{metrics_most}}.', 'gauge'
FROM (SELECT 'agreement' AS kind, (SELECT count(*) FROM main.seal_agreement_data AS a WHERE {{metrics_agreement}}) AS n
  UNION ALL SELECT 'term', (SELECT count(*) FROM main.seal_agreement_data AS a
    CROSS JOIN main.seal_term_data AS t ON t.agreement = a.id WHERE {{metrics_agreement}} AND {{metrics_term}})
  UNION ALL SELECT 'server', (SELECT count(*) FROM main.seal_server_data WHERE status = 'active'))

) WHERE value IS NOT NULL

-- Of how many agreements, terms and SEAL servers there are metrics: each is some series at Prometheus.
-- fragment: metrics_most
1000

-- What has not ended has metrics of its own.
-- fragment: metrics_agreement
(a.status <> 'terminated' AND coalesce(a.stop_time, {{forever}}) > ?1)
-- fragment: metrics_term
(coalesce(t.stop_time, {{forever}}) > ?1)

-- fragment: metrics_of_agreement
json_object('agreement_id', agreement_id, 'val_provider_id', val_provider_id)

-- fragment: metrics_states
SELECT 'valid' AS state UNION ALL SELECT 'suspended' UNION ALL SELECT 'terminated' UNION ALL SELECT 'ended'
