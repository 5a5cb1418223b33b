-- Refusals of the period: by cause and day, and by whom. Messages, rows that a load went on without, and what hosts report.
CREATE TEMP TABLE report_refused AS
SELECT cause, requester, min(parts - 1, CAST((julianday(time) - julianday(start)) * parts / span AS INTEGER)) AS part,
  sum(n) AS n, max(time) AS last
FROM (
  SELECT p.parts, p.span, p.start, cause,
    iif(actor = 'operator', coalesce(detail ->> 'val_server_id', actor), actor) AS requester,
    coalesce(detail ->> 'rows', 1) AS n, time
  FROM report_period AS p CROSS JOIN seal_audit WHERE outcome = 'refused' AND time >= p.start AND time <= p.now
  UNION ALL
  SELECT p.parts, p.span, p.start, cause, 'unknown', count, minute
  FROM report_period AS p CROSS JOIN seal_refusal WHERE minute >= p.start AND minute <= p.now)
GROUP BY 1, 2, 3;
CREATE TEMP TABLE report_refused_part AS
SELECT 1 AS every, 'all causes' AS cause, part, sum(n) AS n, max(last) AS last FROM report_refused GROUP BY part
UNION ALL
SELECT 0, coalesce(cause, ''), part, sum(n), max(last) FROM report_refused GROUP BY cause, part;
INSERT INTO report_row
SELECT 'refusals', row_number() OVER (ORDER BY every DESC, sum(n) DESC, cause),
  json_array(cause, sum(n), (SELECT json_group_array(coalesce(n, 0)) FROM (
      WITH RECURSIVE part(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM part WHERE i < (SELECT parts - 1 FROM report_period))
      SELECT f.n FROM part LEFT JOIN report_refused_part AS f ON f.part = i AND f.every = s.every AND f.cause = s.cause
      ORDER BY i)), max(last))
FROM report_refused_part AS s GROUP BY every, cause;
INSERT INTO report_section
SELECT 'refusals', 6, 'Refusals by cause and day',
  'From ' || substr(start, 1, 10) || ' until now; a bar for '
    || iif(span = parts, 'each day', format('every %.1f days', 1.0 * span / parts))
    || ', each cause in its own scale.',
  'Nothing was refused.', '[["Cause","word"],["Times","n"],["By day","days"],["Last","time"]]',
  (SELECT count(*) FROM report_row WHERE section = 'refusals') FROM report_period;
INSERT INTO report_row
SELECT 'requesters', row_number() OVER (ORDER BY sum(n) DESC, requester, cause),
  json_array(requester, coalesce(cause, ''), sum(n), max(last))
FROM report_refused GROUP BY requester, cause;
INSERT INTO report_section
SELECT 'requesters', 7, 'Refusals by requester', 'From ' || substr(start, 1, 10) || ' until now; the most come first.',
  'Nothing was refused.', '[["Requester","text"],["Cause","word"],["Times","n"],["Last","time"]]',
  (SELECT count(*) FROM report_row WHERE section = 'requesters') FROM report_period;
