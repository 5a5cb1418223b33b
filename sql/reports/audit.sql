-- The last :limit audit entries from :from until :until that match, in their order.
WITH period(start, stop) AS MATERIALIZED (SELECT seal_instant(:from), seal_instant(:until))
SELECT seq, time, actor, action, object, outcome, cause FROM (
  SELECT seq, time, actor, action, object, outcome, cause
  FROM period CROSS JOIN seal_audit
  WHERE (start IS NULL OR time >= start) AND (stop IS NULL OR time < stop)
    AND (:actor IS NULL OR actor = :actor) AND (:action IS NULL OR action = :action)
    AND (:object IS NULL OR object = :object) AND (:outcome IS NULL OR outcome = :outcome)
    AND (:cause IS NULL OR cause = :cause)
  ORDER BY seq DESC LIMIT coalesce(:limit, -1)
) ORDER BY seq;
