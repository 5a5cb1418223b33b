-- What VAL servers did from :from until :until, summed up; :agreement_id and :val_server_id narrow
-- it.
-- columns: agreement_id val_server_id seal_service operation invocations identities key_records
WITH period(start, stop) AS MATERIALIZED (SELECT seal_instant(:from), seal_instant(:until))
SELECT agreement_id, val_server_id, seal_service, operation, count(*) AS invocations,
  sum(identities) AS identities, sum(key_records) AS key_records
FROM period CROSS JOIN seal_usage
WHERE (start IS NULL OR time >= start) AND (stop IS NULL OR time < stop)
  AND (:agreement_id IS NULL OR agreement_id = :agreement_id)
  AND (:val_server_id IS NULL OR val_server_id = :val_server_id)
GROUP BY agreement_id, val_server_id, seal_service, operation
ORDER BY agreement_id, val_server_id, seal_service, operation;
