-- Before rows are stored (provision.sh): what the VAL server has already of the VAL services that the file names is no
-- row any more, and neither is what the file has twice; what it has besides is in `besides`, for --replace. What
-- the credential proves says whose they are. Where another end is asked for than the one that stays, the file `ends` tells
-- the first such row, and how many there are.
CREATE TEMP TABLE named AS SELECT DISTINCT coalesce(val_service_id, :val_service_id) AS val_service_id FROM input.rows;
CREATE TEMP TABLE stored AS
SELECT i.rowid AS id, i.val_service_id, i.val_user_id, i.val_ue_id, i.exp_time
FROM named CROSS JOIN seal_identity AS i ON i.val_service_id = named.val_service_id
WHERE i.val_server_id = :val_server_id AND i.at = coalesce(:at, unixepoch());
CREATE INDEX temp.stored_name ON stored(val_service_id, val_user_id, val_ue_id);
CREATE TEMP TABLE todo(n INTEGER PRIMARY KEY);
INSERT INTO todo
SELECT min(n) FROM input.rows AS r
WHERE NOT EXISTS (SELECT 1 FROM stored AS s WHERE s.val_service_id = coalesce(r.val_service_id, :val_service_id)
  AND s.val_user_id IS r.val_user_id AND s.val_ue_id IS r.val_ue_id)
GROUP BY coalesce(val_service_id, :val_service_id), val_user_id, val_ue_id;
CREATE INDEX input.rows_name ON rows(coalesce(val_service_id, ''), val_user_id, val_ue_id);
CREATE TEMP TABLE besides AS
SELECT id FROM stored AS s WHERE NOT EXISTS (SELECT 1 FROM input.rows AS r
  WHERE coalesce(r.val_service_id, '') IN ('', s.val_service_id)
    AND s.val_service_id = coalesce(r.val_service_id, :val_service_id)
    AND r.val_user_id IS s.val_user_id AND r.val_ue_id IS s.val_ue_id);
CREATE TEMP TABLE default_of AS SELECT :val_service_id AS val_service_id, :exp_time AS exp_time;
CREATE TEMP VIEW asked AS
SELECT r.n, coalesce(r.val_service_id, d.val_service_id) AS val_service_id, r.val_user_id, r.val_ue_id,
  CASE typeof(coalesce(r.exp_time, d.exp_time)) WHEN 'integer' THEN coalesce(r.exp_time, d.exp_time)
    ELSE unixepoch(coalesce(r.exp_time, d.exp_time)) END AS ends
FROM input.rows AS r CROSS JOIN default_of AS d;
-- Of each row that goes: what is stored, or else the line of the file that stays, if that has another end.
CREATE TEMP TABLE other_end AS
SELECT r.n, coalesce(r.val_user_id, r.val_ue_id) AS name, r.ends, max(s.exp_time) AS stays, NULL AS line
FROM asked AS r CROSS JOIN stored AS s ON s.val_service_id = r.val_service_id AND s.val_user_id IS r.val_user_id
  AND s.val_ue_id IS r.val_ue_id
WHERE r.n NOT IN (SELECT n FROM todo) AND r.ends IS NOT NULL
GROUP BY r.n HAVING max(unixepoch(s.exp_time) IS r.ends) = 0;
INSERT INTO other_end
SELECT r.n, coalesce(r.val_user_id, r.val_ue_id), r.ends, strftime('%Y-%m-%dT%H:%M:%SZ', f.ends, 'unixepoch'), f.n
FROM asked AS r CROSS JOIN asked AS f ON f.n = min(
  coalesce((SELECT n FROM input.rows AS w WHERE coalesce(w.val_service_id, '') = r.val_service_id
    AND w.val_user_id IS r.val_user_id AND w.val_ue_id IS r.val_ue_id ORDER BY n LIMIT 1), r.n),
  coalesce((SELECT n FROM input.rows AS w WHERE coalesce(w.val_service_id, '') = '' AND r.val_service_id IS :val_service_id
    AND w.val_user_id IS r.val_user_id AND w.val_ue_id IS r.val_ue_id ORDER BY n LIMIT 1), r.n))
WHERE r.n NOT IN (SELECT n FROM todo) AND r.ends IS NOT f.ends
  AND NOT EXISTS (SELECT 1 FROM stored AS s WHERE s.val_service_id = r.val_service_id AND s.val_user_id IS r.val_user_id
    AND s.val_ue_id IS r.val_ue_id);
SELECT writefile('ends', format('%d: "%s" ends %s there: %s, with %s', n, name,
  coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', ends, 'unixepoch'), 'never'),
  iif(line IS NULL, 'it stays as it is stored', format('%s %d holds', :where, line)), coalesce(stays, 'no end'))
  || iif(count > 1, format(' (%d such rows)', count), ''))
FROM (SELECT *, count(*) OVER () AS count FROM other_end) ORDER BY n LIMIT 1;
DELETE FROM input.rows WHERE n NOT IN (SELECT n FROM todo);
