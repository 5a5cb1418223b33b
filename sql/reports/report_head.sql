-- What the page begins with: the registrar (a name, its value and the kind of it), and what is to be looked at (the
-- section that says more, how many, of what).
INSERT INTO report_row
SELECT 'head', e.key, e.value FROM report_period AS p CROSS JOIN seal_registrar AS r CROSS JOIN json_each(json_array(
  json_array('Identifier', r.identifier, 'text'),
  json_array('Version', seal_version(), 'text'),
  json_array('Made at', p.now, 'time'),
  json_array('Agreements', r.agreements, 'n'),
  json_array('VAL servers', r.val_servers, 'n'),
  json_array('Configurations', r.configurations, 'n'),
  json_array('Identities', r.identities, 'n'),
  json_array('Key records', r.key_records, 'n'),
  json_array('Swept last', r.last_sweep_time, 'time'),
  json_array('Days charged until', r.charged_until, 'time'),
  json_array('Bundles applied', r.applied, 'text'),
  json_array('Serves until', r.serves_until, 'time'))) AS e
WHERE e.value ->> 1 IS NOT NULL;
INSERT INTO report_row
SELECT 'attention', row_number() OVER (), json_array(section, n, what) FROM (
  SELECT 'terms' AS section, count(*) AS n, 'used to 90' || char(160) || '% or more' AS what FROM report_row
    WHERE section = 'terms' AND EXISTS (SELECT 1 FROM json_each(cells) AS c WHERE c.key IN (3, 4, 5)
      AND 10 * (c.value ->> 0) >= 9 * (c.value ->> 1))
  UNION ALL
  SELECT 'ends', count(*), 'that end within 7 days' FROM report_row CROSS JOIN report_period
    WHERE section = 'ends' AND cells ->> 2 <= strftime('%Y-%m-%dT%H:%M:%SZ', now, '+7 days')
  UNION ALL
  SELECT 'refusals', coalesce(sum(n), 0), 'today' FROM report_refused AS f JOIN report_period AS p
    ON f.last >= substr(p.now, 1, 10) AND p.parts = p.span AND f.part = p.parts - 1
  UNION ALL
  SELECT 'notifications', coalesce(sum(n), 0), 'that wait' FROM report_waiting
  UNION ALL
  SELECT 'seal-servers', count(*), 'behind' FROM report_row WHERE section = 'seal-servers' AND cells ->> 4 > 0)
WHERE n > 0;
