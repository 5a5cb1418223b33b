-- What VAL servers did from :from until :until, summed up; :agreement_id and :val_server_id narrow
-- it.
WITH period(start, stop) AS (
  SELECT
    CASE typeof(:from) WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%SZ', :from, 'unixepoch')
      ELSE strftime('%Y-%m-%dT%H:%M:%SZ', :from) END,
    CASE typeof(:until) WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%SZ', :until, 'unixepoch')
      ELSE strftime('%Y-%m-%dT%H:%M:%SZ', :until) END
)
SELECT agreement_id, val_server_id, seal_service, operation, count(*) AS invocations,
  sum(identities) AS identities, sum(key_records) AS key_records
FROM period JOIN seal_usage
WHERE (start IS NULL OR time >= start) AND (stop IS NULL OR time < stop)
  AND (:agreement_id IS NULL OR agreement_id = :agreement_id)
  AND (:val_server_id IS NULL OR val_server_id = :val_server_id)
GROUP BY agreement_id, val_server_id, seal_service, operation
ORDER BY agreement_id, val_server_id, seal_service, operation;
