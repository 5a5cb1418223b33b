-- The index of a SEAL server's folder (scripts/shell/exchange.sh), the file `index`, as a table: of each bundle, in order,
-- its name, from where it leads, and to where. No name and no place has a '\', which JSON would take for one of its own.
CREATE TEMP TABLE line AS
SELECT n, substr(line, 1, first - 1) AS name, substr(line, first + 1, next - 1) AS since,
  substr(line, first + next + 1) AS place
FROM (SELECT *, instr(substr(line, first + 1), ' ') AS next
  FROM (SELECT key AS n, value AS line, instr(value, ' ') AS first
    FROM json_each('[' || replace(json_quote(replace(CAST(readfile('index') AS TEXT), '\', '/')), '\n', '","') || ']')
    WHERE value <> ''))
ORDER BY n;
