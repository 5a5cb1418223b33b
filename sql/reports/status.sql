-- The registrar at a glance.
SELECT r.identifier, r.skms_uri, seal_version() AS version,
  CASE r.sealed WHEN 1 THEN 'yes' ELSE 'no' END AS sealed,
  r.installed_time, r.last_sweep_time,
  (SELECT count(*) FROM seal_agreement WHERE status = 'active') AS agreements_active,
  (SELECT count(*) FROM seal_agreement WHERE status = 'active'
    AND stop_time <= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+30 days')) AS agreements_ending_soon,
  (SELECT count(*) FROM seal_val_server WHERE status = 'active') AS val_servers_active,
  (SELECT count(*) FROM seal_configuration) AS configurations_valid,
  r.agreements, r.val_servers, r.configurations, r.identities, r.key_records,
  (SELECT coalesce(sum(coalesce(detail ->> 'rows', 1)), 0) FROM seal_audit WHERE outcome = 'refused'
    AND time >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day'))
  + (SELECT coalesce(sum(count), 0) FROM seal_refusal
    WHERE minute >= strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '-1 day')) AS refused_last_day,
  (SELECT group_concat(seal_server_id || ' by ' || behind, ', ') FROM (
    SELECT s.seal_server_id, (SELECT max(c.seq) - coalesce(s.acked, 0) FROM seal_change AS c WHERE c.seq > coalesce(s.acked, 0)
      AND c.object NOT GLOB 'seal_server:*' AND c.object NOT GLOB 'seal_credential:*'
      AND c.object NOT GLOB 'seal_anchor:*' AND c.object NOT GLOB 'seal_registrar*') AS behind
    FROM seal_server AS s WHERE s.status = 'active' ORDER BY s.seal_server_id)
    WHERE behind > 0) AS seal_servers_behind,
  r.undelivered AS notifications_undelivered,
  r.applied
FROM seal_registrar AS r;
