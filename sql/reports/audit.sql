-- The last :limit audit entries from :from until :until that match, in their order.
WITH period(start, stop) AS (
  SELECT
    CASE typeof(:from) WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%SZ', :from, 'unixepoch')
      ELSE strftime('%Y-%m-%dT%H:%M:%SZ', :from) END,
    CASE typeof(:until) WHEN 'integer' THEN strftime('%Y-%m-%dT%H:%M:%SZ', :until, 'unixepoch')
      ELSE strftime('%Y-%m-%dT%H:%M:%SZ', :until) END
)
SELECT seq, time, actor, action, object, outcome, cause FROM (
  SELECT seq, time, actor, action, object, outcome, cause
  FROM period JOIN seal_audit
  WHERE (start IS NULL OR time >= start) AND (stop IS NULL OR time < stop)
    AND (:actor IS NULL OR actor = :actor) AND (:action IS NULL OR action = :action)
    AND (:object IS NULL OR object = :object) AND (:outcome IS NULL OR outcome = :outcome)
    AND (:cause IS NULL OR cause = :cause)
  ORDER BY seq DESC LIMIT coalesce(:limit, -1)
) ORDER BY seq;
