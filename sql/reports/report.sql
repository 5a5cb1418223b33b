-- The report page, its beginning: the period (whole days in UTC, :days or 30 of them and today; as many
-- ahead), and where the other report_*.sql put what they find. Each value of the database becomes markup in
-- one place, report_page.sql, which also makes the page.
--
-- report_section is a table of the page: its columns are JSON, [["Agreement", "text"], …]; a kind is text,
-- word (a text of ours that is not broken), n (a whole number), money (a decimal text and its currency, an
-- array of two), time, bar (an array: used, limit) or days (an array of a number for each part of the
-- period). `total` is how many rows there are, of which the page shows 200. report_row's cells are a JSON
-- array, in the order of the columns.
CREATE TEMP TABLE report_period AS
SELECT now, strftime('%Y-%m-%dT00:00:00Z', now, format('-%d days', days)) AS start,
  strftime('%Y-%m-%dT%H:%M:%SZ', now, format('+%d days', days)) AS stop, days, days + 1 AS span, min(days + 1, 31) AS parts
FROM (SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now') AS now, min(coalesce(:days, 30), 36500) AS days);
CREATE TEMP TABLE report_section(id TEXT PRIMARY KEY, n INTEGER, title TEXT, note TEXT, empty TEXT,
  columns TEXT, total INTEGER);
CREATE TEMP TABLE report_row(section TEXT, i INTEGER, cells TEXT, PRIMARY KEY (section, i)) WITHOUT ROWID;
