-- Who is told, and who tells: notifications that did not arrive, SEAL servers and how far they are, VAL servers, usage.
CREATE TEMP TABLE report_waiting AS
SELECT val_server_id, destination, count(*) AS n, min(due_time) AS since, max(attempts) AS attempts,
  CAST(last_error AS TEXT) AS last_error,
  sum(seq IN (SELECT seq FROM seal_notifying((SELECT now FROM report_period)) WHERE state = 'dead')) AS dead
FROM report_period AS p CROSS JOIN seal_notification
WHERE delivered_time IS NULL AND due_time <= p.now GROUP BY val_server_id, destination;
INSERT INTO report_row
SELECT 'notifications', row_number() OVER (ORDER BY since, val_server_id, destination),
  json_array(val_server_id, destination, n, since, attempts, last_error, dead)
FROM report_waiting;
INSERT INTO report_section
SELECT 'notifications', 8, 'Notifications that did not arrive', 'Those that are due; the oldest come first.', 'All arrived.',
  '[["VAL server","text"],["Destination","text"],["Waiting","n"],["Due since","time"],["Attempts at most","n"],
    ["Last error","text"],["Given up","n"]]',
  (SELECT count(*) FROM report_row WHERE section = 'notifications');

INSERT INTO report_row
SELECT 'seal-servers', row_number() OVER (ORDER BY status <> 'active', behind DESC, seal_server_id),
  json_array(seal_server_id, seal_service, status, acked, behind, since)
FROM (SELECT s.*, b.behind, b.since
  FROM seal_server AS s LEFT JOIN (
    SELECT s.seal_server_id AS id, max(c.seq) - coalesce(s.acked, 0) AS behind, min(c.time) AS since
    FROM seal_server AS s CROSS JOIN seal_change AS c ON c.seq > coalesce(s.acked, 0)
    WHERE s.at IS NULL AND c.object NOT GLOB 'seal_server:*' AND c.object NOT GLOB 'seal_credential:*'
      AND c.object NOT GLOB 'seal_anchor:*' AND c.object NOT GLOB 'seal_registrar*'
    GROUP BY s.seal_server_id) AS b ON b.id = s.seal_server_id
  WHERE s.at IS NULL);
INSERT INTO report_section
SELECT 'seal-servers', 9, 'SEAL servers',
  'How many changes each has not acknowledged, and since when; the furthest behind come first.',
  'No SEAL server is told.',
  '[["SEAL server","text"],["SEAL service","word"],["Status","word"],["Acknowledged","n"],["Behind by","n"],
    ["Since","time"]]',
  (SELECT count(*) FROM report_row WHERE section = 'seal-servers');

INSERT INTO report_row
SELECT 'val-servers', row_number() OVER (ORDER BY v.status = 'terminated', v.val_server_id),
  json_array(v.val_server_id, v.agreement_id, v.status, v.exp_time, v.end_pt,
    coalesce(c.n, 0), coalesce(f.n, 0), coalesce(w.n, 0))
FROM report_period AS p CROSS JOIN seal_val_server AS v ON v.at IS NULL
LEFT JOIN (SELECT val_server_id, count(*) AS n FROM report_period AS p CROSS JOIN seal_credential AS c ON c.at = p.now
  WHERE status = 'active' GROUP BY val_server_id) AS c ON c.val_server_id = v.val_server_id
LEFT JOIN (SELECT val_server_id, count(*) AS n FROM report_period AS p CROSS JOIN seal_configuration AS f ON f.at = p.now
  GROUP BY val_server_id) AS f ON f.val_server_id = v.val_server_id
LEFT JOIN (SELECT val_server_id, sum(n) AS n FROM report_waiting GROUP BY val_server_id) AS w
  ON w.val_server_id = v.val_server_id;
INSERT INTO report_section
SELECT 'val-servers', 10, 'VAL servers', 'All that are stored, with the credentials and configurations that hold now.',
  'There is no VAL server.',
  '[["VAL server","text"],["Agreement","text"],["Status","word"],["Until","time"],["Endpoint","text"],
    ["Credentials","n"],["Configurations","n"],["Not notified","n"]]',
  (SELECT count(*) FROM report_row WHERE section = 'val-servers');

INSERT INTO report_row
SELECT 'usage', row_number() OVER (ORDER BY most DESC, agreement_id, val_server_id, seal_service, operation),
  json_array(val_server_id, agreement_id, seal_service, operation, invocations, identities, key_records)
FROM (SELECT *, sum(invocations) OVER (PARTITION BY agreement_id, val_server_id) AS most FROM report_usage);
INSERT INTO report_section
SELECT 'usage', 11, 'Usage', 'From ' || substr(start, 1, 10) || ' until now; who did most comes first.', 'Nothing was used.',
  '[["VAL server","text"],["Agreement","text"],["SEAL service","word"],["Operation","word"],["Invocations","n"],
    ["Identities","n"],["Key records","n"]]',
  (SELECT count(*) FROM report_row WHERE section = 'usage') FROM report_period;
