-- Takes out of an index (sync_index.sql) what the SEAL server has: what lies before :ack, its place. Without one, NULL, it
-- has nothing yet. A place that is not in the index, such as that of a database that was restored, starts a new one, and
-- so does :full. To the file `place`: from where the next bundle leads; to `acked`, the number of the last change that
-- the SEAL server has, empty where its place has none.
DELETE FROM temp.line WHERE :full IS NOT NULL
  OR :ack IS NOT NULL AND n < coalesce((SELECT min(n) FROM temp.line WHERE since = :ack), 9223372036854775807);
SELECT writefile('place',
  coalesce((SELECT place FROM temp.line ORDER BY n DESC LIMIT 1), iif(:full IS NULL, :ack, NULL), '-'));
SELECT writefile('acked', coalesce(CASE
    WHEN part ->> '$[3]' GLOB 'f*' THEN ''
    WHEN part ->> '$[3]' GLOB 'c*' THEN substr(part ->> '$[3]', 2)
    ELSE coalesce(part ->> '$[1]', part ->> '$[0]') END, ''))
FROM (SELECT '["' || replace(:ack, '.', '","') || '"]' AS part);
