-- What became of it, as the file `done` says, JSON [[seq, "", 0], [seq, why it failed, whether its destination was not
-- reached], ...]: where that was so, all that is due there was tried. The file `failed` gets those destinations.
BEGIN IMMEDIATE;
CREATE TEMP TABLE done AS SELECT value->>0 AS seq, value->>1 AS why, value->>2 AS unreached
FROM json_each(CAST(readfile('done') AS TEXT));
CREATE TEMP TABLE failing AS
SELECT w.seq, w.destination, d.why, d.unreached FROM seal_notifying(:at) AS w JOIN done AS d ON d.seq = w.seq WHERE d.why <> '';
CREATE TEMP TABLE tried AS
SELECT w.seq, f.why FROM seal_notifying(:at) AS w
JOIN failing AS f ON f.seq = w.seq OR (f.unreached AND f.destination = w.destination AND f.seq < w.seq AND w.state = 'due');
UPDATE seal_notification SET delivered_time = coalesce(:at, unixepoch()), attempts = attempts + 1, last_error = NULL
WHERE seq IN (SELECT seq FROM done WHERE why = '');
UPDATE seal_notification SET attempts = attempts + 1,
  last_error = (SELECT t.why FROM tried AS t WHERE t.seq = seal_notification.seq)
WHERE seq IN (SELECT seq FROM tried);
COMMIT;
SELECT writefile('failed', (SELECT json_group_array(destination) FROM (
  SELECT value AS destination FROM json_each(CAST(readfile('failed') AS TEXT)) UNION SELECT destination FROM failing)));
SELECT writefile('counts', (SELECT count(*) FROM done WHERE why = '') || ' ' || (SELECT count(*) FROM failing) || char(10));
