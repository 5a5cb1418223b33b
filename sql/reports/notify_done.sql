-- What became of the file `batch`, as the file `done` says, JSON [[seq, "", 0], [seq, why it failed, whether its destination
-- was not reached], ...]: where that was so, all that is due there was tried. The file `failed` gets those destinations.
CREATE TEMP TABLE done(seq INTEGER PRIMARY KEY, why, unreached);
INSERT INTO done SELECT value->>0, value->>1, value->>2 FROM json_each(CAST(readfile('done') AS TEXT));
CREATE TEMP TABLE failing(destination TEXT PRIMARY KEY, seq, why, unreached);
INSERT INTO failing SELECT b.value->>'$.destination', min(d.seq), d.why, d.unreached
FROM json_each(CAST(readfile('batch') AS TEXT)) AS b, json_each(b.value->>'$.seqs') AS s JOIN done AS d ON d.seq = s.value
WHERE d.why <> '' GROUP BY 1;
BEGIN IMMEDIATE;
CREATE TEMP TABLE tried(seq INTEGER PRIMARY KEY, why);
INSERT INTO tried SELECT seq, why FROM failing;
INSERT OR IGNORE INTO tried SELECT w.seq, f.why FROM seal_notifying(:at) AS w CROSS JOIN failing AS f ON f.destination = w.destination
WHERE f.unreached AND w.seq > f.seq AND w.state = 'due' AND EXISTS (SELECT 1 FROM failing WHERE unreached);
UPDATE seal_notification SET delivered_time = coalesce(:at, unixepoch()), attempts = attempts + 1, last_error = NULL
WHERE seq IN (SELECT seq FROM done WHERE why = '');
UPDATE seal_notification SET attempts = attempts + 1,
  last_error = (SELECT t.why FROM tried AS t WHERE t.seq = seal_notification.seq)
WHERE seq IN (SELECT seq FROM tried) AND delivered_time IS NULL;
COMMIT;
SELECT writefile('failed', (SELECT json_group_array(destination) FROM (
  SELECT value AS destination FROM json_each(CAST(readfile('failed') AS TEXT)) UNION SELECT destination FROM failing)));
SELECT writefile('counts', (SELECT count(*) FROM done WHERE why = '') || ' ' || (SELECT count(*) FROM failing) || char(10));
