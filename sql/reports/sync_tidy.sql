-- Writes an index (sync_index.sql) back to the file `index`, and to the file `drop` the names of bundles in the file
-- `there` that it does not have. A bundle that moves nothing but the end of a place, as that of `stale_after`, takes the
-- place of the one before.
DELETE FROM temp.line WHERE since = place
  AND n NOT IN (SELECT max(n) FROM temp.line WHERE since = place GROUP BY place);
SELECT writefile('index', coalesce(group_concat(name || ' ' || since || ' ' || place || char(10), ''), ''))
FROM (SELECT * FROM temp.line ORDER BY n);
SELECT writefile('drop', coalesce(group_concat(value, char(10)), ''))
FROM json_each('[' || replace(json_quote(replace(CAST(readfile('there') AS TEXT), '\', '/')), '\n', '","') || ']')
WHERE value GLOB '[0-9]*.jws' AND value NOT GLOB '*[^0-9a-z.-]*' AND value NOT IN (SELECT name FROM temp.line);
