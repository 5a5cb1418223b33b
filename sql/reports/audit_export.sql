-- Every audit entry as a line of JSON, of what its hash covers: instants in seconds, the detail's very text ("Audit
-- export" in ext/README.md).
SELECT json_object('seq', seq, 'time', unixepoch(time), 'written_time', unixepoch(written_time), 'actor', actor,
  'action', action, 'object', object, 'outcome', outcome, 'cause', cause, 'detail', detail, 'prev_hash', prev_hash, 'hash', hash)
FROM seal_audit ORDER BY seq;
