-- Every audit entry as a line of JSON.
SELECT json_object('seq', seq, 'time', time, 'written_time', written_time, 'actor', actor, 'action', action,
  'object', object, 'outcome', outcome, 'cause', cause, 'detail', json(detail), 'prev_hash', prev_hash, 'hash', hash)
FROM seal_audit ORDER BY seq;
