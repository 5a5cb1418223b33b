-- What a person sees of rows that came as JSON: the file `rows`, an array of objects of the same members, becomes the
-- file `table`, in lines that take at most :width places. Where that is too little, columns without a value are left out,
-- then the names of columns are cut (…), then values: ids last, of all that of the row and an outcome; numbers, amounts and
-- instants never, nor what is called `id`.
-- Where there would be too little left of each, there is no table, and every row is a block of lines instead (line.sql).
-- The numbers of a column stand on the right.
CREATE TABLE cell AS
SELECT r.key AS r, row_number() OVER (PARTITION BY r.key ORDER BY m.id) AS c, m.key AS name,
  replace(coalesce(CAST(m.atom AS TEXT), ''), char(10), ' ') AS text,
  m.type IN ('integer', 'real') AS is_number, m.type = 'null' AS is_null
FROM json_each(CAST(readfile('rows') AS TEXT)) AS r, json_each(r.value) AS m;
-- Where there is too little room, a column that says nothing goes first.
DELETE FROM cell WHERE c > 1 AND c IN (SELECT c FROM cell GROUP BY c HAVING max(text) = '')
  AND :width < (SELECT sum(width) + 2 * count(*) - 2 FROM (SELECT max(length(name), max(length(text))) AS width FROM cell GROUP BY c));
-- How many places a character takes, which is 1 where nothing is said: 2 for a wide one of East Asia and a pictogram (East
-- Asian Width W and F of Unicode), 0 for a mark that joins the one before (general categories Mn and Me).
CREATE TABLE places(first INTEGER PRIMARY KEY, last, n);
WITH given(n, text) AS (VALUES (2, '
  4352-4447 8986-8987 9001-9002 9193-9196 9200 9203 9725-9726 9748-9749 9800-9811 9855 9875 9889 9898-9899 9917-9918
  9924-9925 9934 9940 9962 9970-9971 9973 9978 9981 9989 9994-9995 10024 10060 10062 10067-10069 10071 10133-10135 10160
  10175 11035-11036 11088 11093 11904-12350 12353-12871 12880-19903 19968-42182 43360-43388 44032-55203 63744-64217
  65040-65131 65281-65376 65504-65510 94176-101640 110576-111355 126980 127183 127374 127377-127386 127488-127589
  127744-127776 127789-127797 127799-127868 127870-127891 127904-127946 127951-127955 127968-127984 127988 127992-128062
  128064 128066-128252 128255-128317 128331-128334 128336-128359 128378 128405-128406 128420 128507-128591 128640-128709
  128716 128720-128722 128725-128735 128747-128748 128756-128764 128992-129008 129292-129338 129340-129349 129351-129535
  129648-129782 131072-262141
'), (0, '
  768-879 1155-1161 1425-1469 1471 1473-1474 1476-1477 1479 1552-1562 1611-1631 1648 1750-1756 1759-1764 1767-1768
  1770-1773 1809 1840-1866 1958-1968 2027-2035 2045 2070-2073 2075-2083 2085-2087 2089-2093 2137-2139 2200-2207
  2250-2273 2275-2306 2362 2364 2369-2376 2381 2385-2391 2402-2403 2433 2492 2497-2500 2509 2530-2531 2558-2562 2620
  2625-2641 2672-2673 2677 2689-2690 2748 2753-2760 2765 2786-2787 2810-2817 2876 2879 2881-2884 2893-2902 2914-2915
  2946 3008 3021 3072 3076 3132 3134-3136 3142-3158 3170-3171 3201 3260 3263 3270 3276-3277 3298-3299 3328-3329
  3387-3388 3393-3396 3405 3426-3427 3457 3530 3538-3542 3633 3636-3642 3655-3662 3761 3764-3772 3784-3789 3864-3865
  3893 3895 3897 3953-3966 3968-3972 3974-3975 3981-4028 4038 4141-4144 4146-4151 4153-4154 4157-4158 4184-4185
  4190-4192 4209-4212 4226 4229-4230 4237 4253 4448-4607 4957-4959 5906-5908 5938-5939 5970-5971 6002-6003 6068-6069
  6071-6077 6086 6089-6099 6109 6155-6157 6159 6277-6278 6313 6432-6434 6439-6440 6450 6457-6459 6679-6680 6683 6742
  6744-6752 6754 6757-6764 6771-6783 6832-6915 6964 6966-6970 6972 6978 7019-7027 7040-7041 7074-7077 7080-7081
  7083-7085 7142 7144-7145 7149 7151-7153 7212-7219 7222-7223 7376-7378 7380-7392 7394-7400 7405 7412 7416-7417
  7616-7679 8204-8205 8400-8432 11503-11505 11647 11744-11775 12330-12333 12441-12442 42607-42610 42612-42621
  42654-42655 42736-42737 43010 43014 43019 43045-43046 43052 43204-43205 43232-43249 43263 43302-43309 43335-43345
  43392-43394 43443 43446-43449 43452-43453 43493 43561-43566 43569-43570 43573-43574 43587 43596 43644 43696
  43698-43700 43703-43704 43710-43711 43713 43756-43757 43766 44005 44008 44013 64286 65024-65039 65056-65071
  917760-917999
')), word(n, word, rest) AS (
  SELECT n, '', replace(text, char(10), ' ') FROM given
  UNION ALL
  SELECT n, substr(rest, 1, instr(rest || ' ', ' ') - 1), substr(rest, instr(rest || ' ', ' ') + 1) FROM word
  WHERE rest <> ''
)
INSERT INTO places SELECT CAST(word AS INTEGER), CAST(substr(word, instr(word, '-') + 1) AS INTEGER), n FROM word
WHERE word <> '';
-- How far each text that is not plain has come, character by character: no further than it could be shown.
CREATE TABLE other(id INTEGER PRIMARY KEY, text TEXT UNIQUE);
INSERT INTO other(text) SELECT DISTINCT text FROM cell WHERE text GLOB '*[^ -~]*';
CREATE TABLE reach(id, i, places, PRIMARY KEY (id, i)) WITHOUT ROWID;
INSERT INTO reach
WITH RECURSIVE walk(id, text, n, i, places) AS (
  SELECT id, substr(text, 1, 4 * :width), length(text), 0, 0 FROM other
  UNION ALL
  SELECT id, text, n, i + 1, places + coalesce((SELECT iif(last >= unicode(substr(text, i + 1, 1)), p.n, 1) FROM places AS p
    WHERE first <= unicode(substr(text, i + 1, 1)) ORDER BY first DESC LIMIT 1), 1)
  FROM walk WHERE i < min(n, 4 * :width) AND places <= :width
)
SELECT id, i, iif(i = 4 * :width AND i < n, :width + 1, places) FROM walk;

WITH RECURSIVE wide(r, c, name, text, other, places, is_number, is_null, is_whole) AS MATERIALIZED (
  SELECT r, c, name, cell.text, o.id, iif(o.id IS NULL, length(cell.text), (SELECT max(places) FROM reach WHERE id = o.id)),
    is_number, is_null, cell.text = '' OR cell.text GLOB '[-0-9]*' AND cell.text NOT GLOB '*[^-+0-9.: A-Zs]*'
      AND length(cell.text) <= 40
  FROM cell LEFT JOIN other AS o ON o.text = cell.text
), size AS MATERIALIZED (
  SELECT c, name, max(places) AS width, max(is_number) AND min(is_number OR is_null) AS is_number,
    CASE WHEN min(is_whole) OR name = 'id' THEN 0 WHEN name = 'outcome' THEN 1
      WHEN name NOT GLOB '*_id' THEN 3 WHEN c = 1 THEN 1 ELSE 2 END AS level
  FROM wide GROUP BY c
), head(h) AS MATERIALIZED (
  SELECT coalesce((SELECT max(value) FROM json_each('[6,7,8,9,10,11,12,13,14,15,16,18,20,24,30,999]') AS h
    WHERE (SELECT sum(max(width, min(length(name), h.value))) + 2 * count(*) - 2 FROM size) <= :width), 6)
), col AS MATERIALIZED (
  SELECT c, name, max(width, min(length(name), h)) AS width, is_number, level FROM size, head
), step(step, low, high, plain, id, first) AS (
  -- The most places of each level, step by step; NULL is what a step shortens, from high to low.
  VALUES (1, 12, :width, NULL, 9999, 9999), (2, 12, :width, 12, NULL, 9999), (3, 6, 12, NULL, 12, 9999),
    (4, 6, 12, 6, NULL, 9999), (5, 6, :width, 6, 6, NULL)
), cap AS MATERIALIZED (
  SELECT * FROM (
    WITH RECURSIVE n(w) AS (SELECT 6 UNION ALL SELECT w + 1 FROM n WHERE w < :width)
    SELECT coalesce(first, w) AS first, coalesce(id, w) AS id, coalesce(plain, w) AS plain
    FROM step JOIN n ON w BETWEEN low AND high
    WHERE (SELECT sum(min(width, CASE level WHEN 0 THEN width WHEN 1 THEN coalesce(first, w) WHEN 2 THEN coalesce(id, w)
      ELSE coalesce(plain, w) END)) + 2 * count(*) - 2 FROM col) <= :width
    ORDER BY step, w DESC LIMIT 1)
), fit AS MATERIALIZED (
  SELECT c, name, is_number,
    min(width, CASE level WHEN 0 THEN width WHEN 1 THEN first WHEN 2 THEN id ELSE plain END) AS width
  FROM col, cap
), piece(r, c, text, other, places, width, is_number) AS (
  SELECT -2, c, name, NULL, length(name), width, is_number FROM fit
  UNION ALL SELECT -1, c, substr(replace(hex(zeroblob(width)), '0', '-'), 1, width), NULL, width, width, is_number FROM fit
  UNION ALL SELECT r, c, text, other, places, f.width, f.is_number FROM wide JOIN fit AS f USING (c)
), shown(r, c, text, blank, is_number) AS (
  -- As much as leaves room for the sign of the cut, and what is left blank.
  SELECT r, c, CASE WHEN places <= width THEN text ELSE substr(text, 1, iif(other IS NULL, width - 1, (SELECT i FROM reach
      WHERE id = other AND reach.places < piece.width ORDER BY i DESC LIMIT 1))) || '…' END,
    format('%*s', CASE WHEN places <= width THEN width - places WHEN other IS NULL THEN 0 ELSE width - 1 - (
      SELECT max(reach.places) FROM reach WHERE id = other AND reach.places < piece.width) END, ''),
    is_number
  FROM piece
), line(r, c, text) AS (
  SELECT r, c, group_concat(iif(is_number, blank || text, text || blank), '  ')
    OVER (PARTITION BY r ORDER BY c ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
  FROM shown
)
SELECT writefile('table', group_concat(text, char(10)) || char(10))
FROM (SELECT rtrim(text) AS text FROM line WHERE c = 1 ORDER BY r)
HAVING count(*) > 0;
