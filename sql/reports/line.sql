-- What a person sees of a row that came as JSON: the file `rows`, an array of objects, becomes the file `table`: a line
-- for each member, an empty line between objects. What has lines of its own goes on below its beginning.
WITH member AS MATERIALIZED (
  SELECT r.key AS r, m.id AS m, m.key AS name, rtrim(coalesce(CAST(m.atom AS TEXT), ''), char(10)) AS text
  FROM json_each(CAST(readfile('rows') AS TEXT)) AS r, json_each(r.value) AS m
), line AS (
  SELECT r, m, rtrim(format('%*s = %s', (SELECT max(length(name)) FROM member), name,
    replace(text, char(10), char(10) || format('%*s', (SELECT max(length(name)) FROM member) + 3, '')))) AS text
  FROM member UNION ALL SELECT r, 0, '' FROM member WHERE r > 0 GROUP BY r
)
SELECT writefile('table', group_concat(text, char(10)) || char(10)) FROM (SELECT text FROM line ORDER BY r, m)
HAVING count(*) > 0;
