-- A JSON array of objects becomes rows (provision.sh): what is no such thing is told in the file `problem`, by element
-- and member. The text is the file `given`.
CREATE TEMP TABLE document AS SELECT CAST(readfile('given') AS TEXT) AS d;
CREATE TABLE problem(text TEXT);
INSERT INTO problem SELECT 'it is not JSON' FROM document WHERE NOT json_valid(d);
CREATE TEMP TABLE element AS
SELECT e.key + 1 AS n, e.value AS v, e.type AS kind FROM document, json_each(d) AS e
WHERE NOT EXISTS (SELECT 1 FROM problem);
INSERT INTO problem
SELECT format('element %d is not an object', n) FROM element WHERE kind <> 'object' LIMIT 1;
CREATE TEMP TABLE member AS
SELECT n, m.key AS name, m.type AS type, m.atom AS value
FROM element, json_each(v) AS m WHERE NOT EXISTS (SELECT 1 FROM problem);
INSERT INTO problem
SELECT format('element %d: "%s" is no column', n, name) FROM member
WHERE name NOT IN ('val_service_id', 'val_user_id', 'val_ue_id', 'key_format', 'scope', 'exp_time', 'conf_id') LIMIT 1;
INSERT INTO problem
SELECT format('element %d: %s is not a text', n, name) FROM member
WHERE type NOT IN ('text', 'null') AND NOT (name = 'exp_time' AND type = 'integer') LIMIT 1;
INSERT INTO problem
SELECT format('element %d: %s is there twice', n, name) FROM (
  SELECT n, name FROM member GROUP BY n, name HAVING count(*) > 1 LIMIT 1);
-- Older ones of SQLite end a value where \u0000 is, so the text is what is looked at (a \\ is no part of it).
INSERT INTO problem
SELECT format('element %d has a NUL in it', n) FROM element WHERE instr(replace(v, '\\', ''), '\u0000') > 0 LIMIT 1;
INSERT INTO rows(n, val_service_id, val_user_id, val_ue_id, key_format, scope, exp_time, conf_id)
SELECT n, max(value) FILTER (WHERE name = 'val_service_id'), max(value) FILTER (WHERE name = 'val_user_id'),
  max(value) FILTER (WHERE name = 'val_ue_id'), max(value) FILTER (WHERE name = 'key_format'),
  max(value) FILTER (WHERE name = 'scope'), max(value) FILTER (WHERE name = 'exp_time'),
  max(value) FILTER (WHERE name = 'conf_id')
FROM element LEFT JOIN member USING (n) WHERE NOT EXISTS (SELECT 1 FROM problem) GROUP BY n;
SELECT writefile('problem', text) FROM problem LIMIT 1;
