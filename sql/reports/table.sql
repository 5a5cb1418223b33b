-- What a person sees of rows that came as JSON: the file `rows`, an array of objects of the same members, becomes the
-- file `table`, in lines of at most :width characters. Columns that are too wide for that are cut (…), their names
-- first, then the widest; where there would be too little left of each, there is no table, and every row is a block
-- of lines instead (line.sql). The numbers of a column stand on the right.
WITH RECURSIVE input(d) AS MATERIALIZED (SELECT CAST(readfile('rows') AS TEXT)),
cell AS MATERIALIZED (
  SELECT r.key AS r, row_number() OVER (PARTITION BY r.key ORDER BY m.id) AS c, m.key AS name,
    replace(coalesce(CAST(m.atom AS TEXT), ''), char(10), ' ') AS text,
    m.type IN ('integer', 'real') AS is_number, m.type = 'null' AS is_null
  FROM input, json_each(d) AS r, json_each(r.value) AS m
), size AS MATERIALIZED (
  SELECT c, name, max(length(text)) AS width, max(is_number) AND min(is_number OR is_null) AS is_number
  FROM cell GROUP BY c
), head(h) AS MATERIALIZED (
  SELECT coalesce((SELECT max(value) FROM json_each('[6,7,8,9,10,11,12,13,14,15,16,18,20,24,30,999]') AS h
    WHERE (SELECT sum(max(width, min(length(name), h.value))) + 2 * count(*) - 2 FROM size) <= :width), 6)
), col AS MATERIALIZED (
  SELECT c, name, max(width, min(length(name), h)) AS width, is_number FROM size, head
), cap(w) AS MATERIALIZED (
  SELECT * FROM (
    WITH RECURSIVE n(w) AS (SELECT 1 UNION ALL SELECT w + 1 FROM n WHERE w < (SELECT max(width) FROM col) AND w < :width)
    SELECT w FROM n WHERE (SELECT sum(min(width, w)) + 2 * count(*) - 2 FROM col) <= :width ORDER BY w DESC LIMIT 1)
), fit AS MATERIALIZED (
  SELECT c, name, is_number, min(width, w) AS width FROM col, cap
), piece(r, c, text, width, is_number) AS (
  SELECT -2, c, name, width, is_number FROM fit
  UNION ALL SELECT -1, c, substr(replace(hex(zeroblob(width)), '0', '-'), 1, width), width, is_number FROM fit
  UNION ALL SELECT r, c, text, width, f.is_number FROM cell JOIN fit AS f USING (c)
), line(r, c, text) AS (
  SELECT r, c, group_concat(format(iif(is_number, '%!*s', '%-!*s'), width,
    iif(length(text) > width, substr(text, 1, width - 1) || '…', text)), '  ')
    OVER (PARTITION BY r ORDER BY c ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  FROM piece
)
SELECT writefile('table', group_concat(text, char(10)) || char(10))
FROM (SELECT rtrim(text) AS text FROM line WHERE c = 1 ORDER BY r)
WHERE (SELECT count(*) FROM col) > 0 AND coalesce((SELECT w >= min(6, (SELECT max(width) FROM col)) FROM cap), 0)
HAVING count(*) > 0;
