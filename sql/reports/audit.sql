-- The last :limit audit entries from :from until :until that match, in their order. An act bears its instant, which who
-- acts may name: as_of, where that is not when it was written by the host's clock.
-- columns: seq written_time as_of actor action object outcome cause detail prev_hash hash
WITH period(start, stop) AS MATERIALIZED (SELECT seal_instant(:from), seal_instant(:until))
SELECT seq, coalesce(written_time, time) AS written_time,
  iif(abs(unixepoch(time) - unixepoch(written_time)) > 5, time, NULL) AS as_of,
  actor, action, object, outcome, cause, detail, prev_hash, hash FROM (
  SELECT *
  FROM period CROSS JOIN seal_audit
  WHERE (start IS NULL OR time >= start) AND (stop IS NULL OR time < stop)
    AND (:actor IS NULL OR actor = :actor) AND (:action IS NULL OR action = :action)
    AND (:object IS NULL OR object = :object) AND (:outcome IS NULL OR outcome = :outcome)
    AND (:cause IS NULL OR cause = :cause)
  ORDER BY seq DESC LIMIT coalesce(:limit, -1)
) ORDER BY seq;
