-- How often each cause refused whom since :from: messages, rows that a load went on without, and what hosts report.
WITH since(start) AS MATERIALIZED (SELECT seal_instant(:from))
SELECT cause AS "Cause", requester AS "Requester", sum(n) AS "Times", max(time) AS "Last"
FROM (
  SELECT cause, iif(actor = 'operator', coalesce(detail ->> 'val_server_id', actor), actor) AS requester,
    coalesce(detail ->> 'rows', 1) AS n, time
  FROM since CROSS JOIN seal_audit WHERE outcome = 'refused' AND (start IS NULL OR time >= start)
  UNION ALL SELECT cause, 'unknown', count, minute FROM since CROSS JOIN seal_refusal WHERE start IS NULL OR minute >= start)
GROUP BY cause, requester ORDER BY sum(n) DESC, cause, requester;
