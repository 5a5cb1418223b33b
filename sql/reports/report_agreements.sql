-- All agreements, the ones that end first at the head.
SELECT agreement_id AS "Agreement", val_provider_id AS "VAL service provider", status AS "Status",
  start_time AS "From", stop_time AS "Until",
  CASE
    WHEN status <> 'active' THEN ''
    WHEN stop_time <= strftime('%Y-%m-%dT%H:%M:%SZ', 'now') THEN 'ended'
    WHEN start_time > strftime('%Y-%m-%dT%H:%M:%SZ', 'now') THEN 'not started'
    WHEN stop_time IS NULL THEN 'without end'
    ELSE format('%d days left', julianday(stop_time) - julianday('now'))
  END AS "Now"
FROM seal_agreement WHERE at IS NULL
ORDER BY stop_time IS NULL, stop_time, agreement_id;
