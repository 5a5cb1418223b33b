-- What Prometheus is told of seal_metrics(), in its text format 0.0.4: what `seal metrics` prints and the door answers. A
-- family's samples stand together, below its HELP and TYPE. One column: the text.
-- name: metrics
SELECT group_concat(text, char(10)) || char(10) AS text FROM (
  WITH sample AS MATERIALIZED (
    SELECT row_number() OVER () AS n, name, labels, value, help, type FROM seal_metrics(:at)
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
  SELECT text FROM line ORDER BY name, n)
