-- What the doctor found, in its order, from the table `part`: a finding of the shell's own, or a file with those of a check
-- of doctor.sql, of which twenty are told. `finding` is the table that it makes; its names are quoted for a shell. How a
-- command of the shell begins, and what names the key, is in the table `words`: it acts on the database that was looked at.
CREATE TABLE finding(verdict TEXT, "check" TEXT, what TEXT, mend TEXT);
WITH told AS (
  SELECT p.id, e.key, p."check", e.value ->> 'verdict' AS verdict, e.value ->> 'what' AS what, e.value ->> 'mend' AS mend,
    e.value ->> 'name' AS name
  FROM part AS p CROSS JOIN json_each(readfile(p.file)) AS e
), open AS (
  -- The words come last, by way of control characters, which no name has.
  SELECT id, key, verdict, "check", what, name, iif(mend GLOB 'sqlite3 *', mend,
    replace(replace(mend, 'seal ', char(1)), '--key FILE', char(2))) AS mend FROM told
)
INSERT INTO finding(verdict, "check", what, mend)
SELECT verdict, "check", what, mend FROM (
  SELECT id, 0 AS key, verdict, "check", what, mend FROM part WHERE file IS NULL
  UNION ALL
  SELECT id, o.key, verdict, "check", what, replace(replace(CASE WHEN name IS NULL THEN mend
    WHEN name GLOB '*[^A-Za-z0-9_.:@/-]*' THEN replace(mend, '?', '''' || replace(name, '''', '''\''''') || '''')
    ELSE replace(mend, '?', name) END, char(1), w.seal), char(2), w.key)
  FROM open AS o CROSS JOIN words AS w WHERE o.key < 20
  UNION ALL
  SELECT id, 20, iif(max(verdict = 'fail'), 'fail', 'warn'), "check", format('and %d more', count(*) - 20),
    (SELECT seal FROM words) || 'doctor (again)'
  FROM told GROUP BY id HAVING count(*) > 20
) ORDER BY id, key;
SELECT writefile('failed', count(*)) FROM finding WHERE verdict = 'fail';
-- For people: a line each, its columns between tabs.
SELECT writefile('lines', group_concat(line, '')) FROM (
  SELECT verdict || char(9) || "check" || char(9) || replace(replace(what, char(9), ' '), char(10), ' ') || char(9)
    || replace(replace(coalesce(mend, ''), char(9), ' '), char(10), ' ') || char(10) AS line FROM finding ORDER BY rowid);
