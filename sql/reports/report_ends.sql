-- What ends in the period ahead (report_expiring is what `seal expiring` gives): one by one, but configurations as a
-- number for each day.
INSERT INTO report_row
SELECT 'ends', row_number() OVER (ORDER BY ends, what, id), json_array(id, what, ends, agreement_id)
FROM report_expiring WHERE what NOT GLOB 'configuration of *';
INSERT INTO report_section
SELECT 'ends', 4, 'What ends', 'Within ' || days || iif(days = 1, ' day', ' days') || ', the soonest first.',
  'Nothing ends.', '[["What","text"],["Kind","text"],["Ends","time"],["Agreement","text"]]',
  (SELECT count(*) FROM report_row WHERE section = 'ends') FROM report_period;
INSERT INTO report_row
SELECT 'days', row_number() OVER (ORDER BY day), json_array(day, n, json_array(n, most))
FROM (SELECT day, n, max(n) OVER () AS most FROM (SELECT substr(ends, 1, 10) AS day, count(*) AS n FROM report_expiring
  WHERE what GLOB 'configuration of *' GROUP BY 1));
INSERT INTO report_section
SELECT 'days', 5, 'Configurations that end', 'Within ' || days || iif(days = 1, ' day', ' days') || ', by day.',
  'No configuration ends.', '[["Day","word"],["Configurations","n"],["","share"]]',
  (SELECT count(*) FROM report_row WHERE section = 'days') FROM report_period;
