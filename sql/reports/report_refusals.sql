-- How often each cause refused whom since :from: messages, rows that a load went on without, and what hosts report.
SELECT cause AS "Cause", requester AS "Requester", sum(n) AS "Times", max(time) AS "Last"
FROM (
  SELECT cause, iif(actor = 'operator', coalesce(detail ->> 'val_server_id', actor), actor) AS requester,
    coalesce(detail ->> 'rows', 1) AS n, time
  FROM seal_audit WHERE outcome = 'refused' AND time >= :from
  UNION ALL SELECT cause, 'unknown', count, minute FROM seal_refusal WHERE minute >= :from)
GROUP BY cause, requester ORDER BY sum(n) DESC, cause, requester;
