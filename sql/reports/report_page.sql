-- The report page, its end: what the other report_*.sql found becomes one file, `page`, that reads as HTML and as XML.
--
-- report_text is the markup of each text. The text may be a stranger's: what is not printed, or would turn the direction
-- of what follows, stands there as U+202E, and 255 characters are shown. <bdi> keeps what is left to its own place.
CREATE TEMP TABLE report_text(raw TEXT PRIMARY KEY, html TEXT);
INSERT OR IGNORE INTO report_text
SELECT value, value FROM report_row CROSS JOIN json_tree(cells) WHERE i <= 200 AND type = 'text';
WITH RECURSIVE walk(raw, n, i, c, html) AS (
  -- n characters are walked through, to a U+0000 at most, where 3.40's JSON ends a text too; c is the next.
  SELECT raw, min(256, length(raw)), 0,
    unicode(raw), '' FROM report_text WHERE raw GLOB '*[^ !#-%(-;=?-~]*' OR length(raw) > 255
    OR instr(CAST(raw AS BLOB), x'00')
  UNION ALL
  SELECT raw, n, i + 1, unicode(substr(raw, i + 2, 1)), html || CASE
    WHEN i = 255 THEN char(8230)
    WHEN c IN (34, 38, 39, 60, 62) THEN '&#' || c || ';'
    WHEN c < 32 OR c BETWEEN 127 AND 159 OR c IN (173, 1564, 6158, 8203, 8206, 8207, 8232, 8233, 65279)
      OR c BETWEEN 8234 AND 8238
      OR c BETWEEN 8288 AND 8303 OR c BETWEEN 55296 AND 57343 OR c BETWEEN 65529 AND 65532 OR c & 65534 = 65534
      OR c >= 917504
    THEN format('[U+%04X]', c)
    ELSE char(c) END
  FROM walk WHERE i < n
)
UPDATE report_text SET html = w.html FROM (SELECT raw, html FROM walk WHERE i = n) AS w WHERE report_text.raw = w.raw;

-- A cell, as the kind of its column has it. `a` and `b` are the members of a pair; U+202F keeps
-- the digits of a number together.
CREATE TEMP TABLE report_cell AS
SELECT r.section, r.i, c.key AS k, h.value ->> 1 AS kind, c.value AS v, c.type, t.html,
  format('id="%s-%d-%d"', r.section, r.i, c.key) AS labelled, format('%s-%d-%d', r.section, r.i, c.key) AS name,
  replace(format('%,d', iif(c.type = 'array', c.value ->> 0, c.value)), ',', char(8239)) AS a,
  replace(format('%,d', iif(c.type = 'array', c.value ->> 1, NULL)), ',', char(8239)) AS b,
  CASE WHEN c.type = 'array' AND c.value ->> 1 >= 0 THEN iif(c.value ->> 0 >= c.value ->> 1, 100.0,
    100.0 * (c.value ->> 0) / (c.value ->> 1)) END AS share
FROM report_section AS s CROSS JOIN report_row AS r ON r.section = s.id AND r.i <= 200
CROSS JOIN json_each(r.cells) AS c JOIN json_each(s.columns) AS h ON h.key = c.key
LEFT JOIN report_text AS t ON t.raw = c.value AND c.type = 'text';
CREATE TEMP TABLE report_table AS
SELECT section, i, group_concat(td, '') AS tds FROM (
  SELECT section, i, k, CASE
    WHEN k = 0 THEN '<th scope="row"' || iif(kind = 'word', ' class="w"', '') || '><bdi>' || html || '</bdi></th>'
    WHEN kind = 'n' AND v IS NOT NULL THEN '<td class="n">' || a || '</td>'
    WHEN kind = 'time' AND v GLOB '????-??-??T??:??:??Z' THEN '<td class="w"><time datetime="' || html || '">'
      || substr(html, 1, 10) || ' ' || substr(html, 12, 5) || '</time></td>'
    WHEN kind = 'bar' AND share IS NULL THEN '<td class="n">' || a || ' <small>limit: none</small></td>'
    WHEN kind IN ('bar', 'share') THEN '<td class="n">'
      || iif(kind = 'bar', a || ' <small>of ' || b || '</small>', '')
      || '<svg xmlns="http://www.w3.org/2000/svg" role="img" class="' || kind
      || '" viewBox="0 0 100 6" preserveAspectRatio="none" '
      || 'aria-labelledby="' || name || '">'
      || '<title ' || labelled || '>' || CAST(share AS INTEGER) || ' %' || iif(kind = 'share', ' of the most', '')
      || '</title><rect class="all" width="100" height="6" /><rect class="'
      || CASE WHEN kind = 'share' OR share < 90 THEN 'some' WHEN share < 100 THEN 'near' ELSE 'full' END
      || format('" width="%.1f" height="6" /></svg></td>', share)
    WHEN kind = 'money' THEN '<td class="n">' || coalesce((SELECT group_concat(
        replace(format('%,d', substr(m.value ->> 0, 1, instr(m.value ->> 0 || '.', '.') - 1)), ',', char(8239))
        || substr(m.value ->> 0, instr(m.value ->> 0 || '.', '.')) || ' ' || coalesce(t.html, ''), '<br />')
      FROM json_each(v) AS m LEFT JOIN report_text AS t ON t.raw = m.value ->> 1), '') || '</td>'
    WHEN kind = 'days' THEN (SELECT '<td><svg xmlns="http://www.w3.org/2000/svg" role="img" class="days" viewBox="0 0 '
        || (4 * count(*)) || ' 24" preserveAspectRatio="none" aria-labelledby="' || name || '" aria-describedby="' || name
        || 'd"><title ' || labelled || '>At most ' || max(value) || '</title><desc id="' || name || 'd">'
        || coalesce(group_concat(CASE WHEN value > 0 THEN date(p.start, format('+%d days', d.key * p.span / p.parts))
          || ': ' || value END, ', '), 'none') || '</desc>'
        || '<rect class="all" y="23" width="' || (4 * count(*)) || '" height="1" />'
        || coalesce(group_concat(CASE WHEN value > 0 THEN
          format('<rect class="some" x="%d" y="%.1f" width="3" height="%.1f" />',
          4 * d.key, 23 - max(1, 23.0 * value / top), max(1, 23.0 * value / top)) END, ''), '') || '</svg></td>'
      FROM report_period AS p CROSS JOIN (SELECT max(value) AS top FROM json_each(v)) CROSS JOIN json_each(v) AS d)
    WHEN v IS NULL THEN '<td></td>'
    WHEN kind = 'word' THEN '<td class="w">' || html || '</td>'
    ELSE '<td><bdi>' || coalesce(html, v) || '</bdi></td>'
  END AS td
  FROM report_cell ORDER BY section, i, k)
GROUP BY section, i;

SELECT writefile('page', (SELECT '<!DOCTYPE html>
<html lang="en" xml:lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta http-equiv="Content-Security-Policy" content="default-src ''none''; style-src ''sha256-LiL2XqMn8JZTixKCZJm+VQS8sqaxIJ9S9KedpYheR74=''" />
<title>SEAL registrar ' || html || ', ' || substr(now, 1, 10) || '</title>
<style>
:root { --text: #1c1d21; --soft: #50555d; --line: #d4d8de; --back: #fff; --all: #dde2e9; --some: #2b6cb0; --near: #9a5b00;
  --full: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e7ea; --soft: #a9afb8; --line: #3b4048; --back: #15171a; --all: #3b4048; --some: #6cabea;
    --near: #e3a244; --full: #ff8b80 }
}
* { box-sizing: border-box }
body { font: 1rem/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); max-width: 80rem;
  margin: 0 auto; padding: 1.5rem 1rem }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 1rem; overflow-wrap: anywhere }
h2 { font-size: 1.125rem; margin: 0 0 .25rem }
p { margin: 0 }
a { color: var(--some) }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem 1rem; margin: 0 }
dt, small, caption, footer { color: var(--soft); font-size: .8125rem }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; padding: 0; margin: 0 }
section, nav { margin-top: 2.25rem }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .875rem }
caption { text-align: left; padding-bottom: .5rem }
caption span { position: sticky; left: 0; display: inline-block; max-width: calc(100vw - 2rem) }
th, td { text-align: left; vertical-align: top; padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line);
  font-weight: normal; min-width: 11rem; overflow-wrap: anywhere }
th:last-child, td:last-child { padding-right: 0 }
thead th { color: var(--soft); vertical-align: bottom; border-bottom-width: 2px; overflow-wrap: normal }
.n, .w { min-width: 5rem; white-space: nowrap }
.n { text-align: right; font-variant-numeric: tabular-nums }
.bar, .share { display: block; width: 100%; min-width: 5rem; height: .375rem; margin-top: .125rem }
.share { margin-top: .45rem }
.days { display: block; width: 12rem; height: 1.75rem }
.all { fill: var(--all) } .some { fill: var(--some) } .near { fill: var(--near) } .full { fill: var(--full) }
@media print {
  :root { --text: #000; --soft: #444; --line: #bbb; --back: #fff; --all: #ddd; --some: #2b6cb0; --near: #9a5b00;
    --full: #b3261e }
  body { max-width: none; padding: 0; font-size: 10pt }
  nav { display: none }
  .scroll { overflow: visible }
  th, td, .n, .w { min-width: 0; padding-right: .5rem }
  table { font-size: 8pt } small, caption, dt { font-size: 7.5pt }
  tr { break-inside: avoid } h2, caption { break-after: avoid }
  svg { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  .days { width: 7rem } .bar, .share { min-width: 3rem }
}
</style>
</head>
<body>
<header>
<h1>SEAL registrar <bdi>' || html || '</bdi></h1>
<dl>
' FROM report_period CROSS JOIN report_row CROSS JOIN report_text ON raw = cells ->> 1 WHERE section = 'head' AND i = 0)
|| (SELECT group_concat('<div><dt>' || (cells ->> 0) || '</dt><dd>' || CASE cells ->> 2
      WHEN 'n' THEN replace(format('%,d', cells ->> 1), ',', char(8239))
      WHEN 'time' THEN '<time datetime="' || html || '">' || substr(html, 1, 10) || ' '
        || substr(html, 12, 5) || ' UTC</time>'
      ELSE '<bdi>' || html || '</bdi>' END || '</dd></div>', char(10))
    FROM (SELECT * FROM report_row WHERE section = 'head' AND i > 0 ORDER BY i) LEFT JOIN report_text ON raw = cells ->> 1)
|| '
</dl>
</header>
<main>
'
|| (SELECT '<section aria-labelledby="attention"><h2 id="attention">To be looked at</h2>' || coalesce('<ul>' || group_concat(
      '<li><a href="#' || (cells ->> 0) || '">' || title || '</a>: ' || replace(format('%,d', cells ->> 1), ',', char(8239))
      || ' ' || (cells ->> 2) || '</li>', '') || '</ul>', '<p>Nothing.</p>') || '</section>
'
    FROM (SELECT * FROM report_row WHERE section = 'attention' ORDER BY i) JOIN report_section AS s ON s.id = cells ->> 0)
|| (SELECT '<nav aria-labelledby="contents"><h2 id="contents">Contents</h2><ul>'
    || group_concat('<li><a href="#' || id || '">' || title || '</a> '
      || replace(format('%,d', total), ',', char(8239)) || '</li>', '')
    || '</ul></nav>
' FROM (SELECT * FROM report_section ORDER BY n))
|| (SELECT group_concat('<section aria-labelledby="' || id || '"><h2 id="' || id || '">' || title || '</h2>'
    || iif(total = 0, '<p>' || empty || '</p>', '
<div class="scroll" role="region" tabindex="0" aria-labelledby="' || id || '"><table>
<caption><span>' || note || '</span></caption>
<thead><tr>' || (SELECT group_concat('<th scope="col"' || CASE WHEN value ->> 1 IN ('n', 'bar', 'money') THEN ' class="n"'
        WHEN value ->> 1 <> 'text' THEN ' class="w"' ELSE '' END || '>'
        || iif(value ->> 0 = '', 'Share of the most', value ->> 0) || '</th>', '')
      FROM json_each(columns)) || '</tr></thead>
<tbody>
' || (SELECT group_concat('<tr>' || tds || '</tr>', char(10))
      FROM (SELECT tds FROM report_table WHERE section = id ORDER BY i)) || '
</tbody></table></div>') || iif(total > 200,
      '<p>And ' || replace(format('%,d', total - 200), ',', char(8239)) || ' more.</p>', '')
    || '</section>', char(10)) FROM (SELECT * FROM report_section ORDER BY n))
|| '
</main>
<footer><p>Times are UTC.</p></footer>
</body>
</html>
');
