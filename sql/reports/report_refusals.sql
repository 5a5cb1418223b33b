-- How often each cause refused whom since :from.
SELECT cause AS "Cause", actor AS "Requester", count(*) AS "Times", max(time) AS "Last"
FROM seal_audit WHERE outcome = 'refused' AND time >= :from
GROUP BY cause, actor ORDER BY count(*) DESC, cause, actor;
