-- The lines of an index (sync_index.sql) that come next at a SEAL server: after its own place, else from a full copy on.
-- The line "gap": what is there begins after its place. To the file `place`: that.
SELECT writefile('place', coalesce(applied, '-')) FROM seal_registrar;
.output todo
WITH own(place) AS (SELECT coalesce(applied, '-') FROM seal_registrar), known(first, full, last, place) AS (
  SELECT max(iif(l.since = own.place, l.n, NULL)), max(iif(l.since = '-', l.n, NULL)),
    (SELECT place FROM temp.line ORDER BY n DESC LIMIT 1), own.place
  FROM own CROSS JOIN temp.line AS l
)
SELECT name, place FROM (
  SELECT n, name, l.place FROM known CROSS JOIN temp.line AS l
  WHERE n >= coalesce(first, iif(last = known.place, NULL, full))
  UNION ALL
  SELECT 0, 'gap', '' FROM known WHERE first IS NULL AND full IS NULL AND last <> place
) ORDER BY n;
