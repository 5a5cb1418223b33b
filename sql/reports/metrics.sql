-- The Prometheus text format 0.0.4: the file `rows`, the samples of seal_metrics() as JSON, becomes the file `table`. A
-- family's samples stand together, below its HELP and TYPE.
WITH sample AS MATERIALIZED (
  SELECT key AS n, value->>'name' AS name, value->>'labels' AS labels, value->>'value' AS value, value->>'help' AS help,
    value->>'type' AS type
  FROM json_each(CAST(readfile('rows') AS TEXT))
), line(name, n, text) AS (
  SELECT name, -1, '# HELP ' || name || ' ' || replace(replace(help, '\', '\\'), char(10), '\n') || char(10)
    || '# TYPE ' || name || ' ' || type
  FROM sample GROUP BY name
  UNION ALL
  SELECT name, n, name || coalesce('{' || (SELECT group_concat(key || '="'
      || replace(replace(replace(coalesce(atom, ''), '\', '\\'), '"', '\"'), char(10), '\n') || '"', ',')
    FROM json_each(labels)) || '}', '') || ' ' || value
  FROM sample
)
SELECT writefile('table', group_concat(text, char(10)) || char(10)) FROM (SELECT text FROM line ORDER BY name, n);
