-- What a period costs, by agreement: the invocations of each term, its identity-days to the second, and
-- the total. From :from (default: the beginning) until :until (default: now); :agreement_id narrows it.
--
-- Prices are those of the time at which something was used, so that a line stands for each price. A line is the
-- sum of charging records: those of seal_charge, and, of days that are not charged yet or not wholly in the
-- period, what `charge` would write of them (per day, VAL server, VAL service, term and price, rounded half up to 9
-- decimals). It is rounded once, half up, to what the currency has; a total is the sum of its lines. What has no
-- price has no amount.
-- columns: agreement_id val_provider_id seal_service term item quantity price currency amount
WITH period(start, stop) AS MATERIALIZED (
  SELECT coalesce(unixepoch(seal_instant(:from)), -62167219200), coalesce(unixepoch(seal_instant(:until)), unixepoch('now'))
), places(currency, places) AS (
  VALUES ('BIF', 0), ('CLP', 0), ('DJF', 0), ('GNF', 0), ('ISK', 0), ('JPY', 0), ('KMF', 0),
    ('KRW', 0), ('PYG', 0), ('RWF', 0), ('UGX', 0), ('VND', 0), ('VUV', 0), ('XAF', 0), ('XOF', 0),
    ('XPF', 0), ('BHD', 3), ('IQD', 3), ('JOD', 3), ('KWD', 3), ('LYD', 3), ('OMR', 3), ('TND', 3)
), charged(start, stop) AS MATERIALIZED (
  -- The whole days of the period that are charged; days are counted from the year 0.
  SELECT (start + 62167219200 + 86399) / 86400 * 86400 - 62167219200,
    min((stop + 62167219200) / 86400 * 86400 - 62167219200, coalesce(unixepoch(charged_until), -62167219200))
  FROM period CROSS JOIN seal_registrar
), piece(start, stop) AS MATERIALIZED (
  -- What is left of it.
  SELECT p.start, iif(c.start < c.stop, c.start, p.stop) FROM period AS p CROSS JOIN charged AS c
  UNION ALL
  SELECT c.stop, p.stop FROM period AS p CROSS JOIN charged AS c WHERE c.start < c.stop
), stretch AS MATERIALIZED (
  SELECT o.agreement_id, o.val_provider_id, o.val_server_id, o.seal_service, o.val_service_id, o.term,
    o.price_per_identity_day AS price, o.currency, o.identities AS n,
    max(unixepoch(o.start_time), p.start) + 62167219200 AS a,
    min(coalesce(unixepoch(o.stop_time), p.stop), p.stop) + 62167219200 AS b
  FROM seal_occupancy AS o CROSS JOIN piece AS p
  WHERE o.identities > 0 AND (:agreement_id IS NULL OR o.agreement_id = :agreement_id)
    AND unixepoch(o.start_time) < p.stop AND coalesce(unixepoch(o.stop_time), p.stop) > p.start
), moved AS (
  -- What a stretch adds to a day, or takes from it, by what lies before its beginning and its end in that day.
  SELECT agreement_id, val_provider_id, val_server_id, seal_service, val_service_id, term, price, currency,
    a / 86400 AS day, n AS step, -n * (a % 86400) AS part FROM stretch
  UNION ALL
  SELECT agreement_id, val_provider_id, val_server_id, seal_service, val_service_id, term, price, currency,
    b / 86400, -n, n * (b % 86400) FROM stretch
), run AS MATERIALIZED (
  SELECT *, sum(step) OVER later AS held, lead(day, 1, day) OVER later AS next
  FROM (SELECT agreement_id, val_provider_id, val_server_id, seal_service, val_service_id, term, price, currency,
      day, sum(step) AS step, sum(part) AS part
    FROM moved GROUP BY agreement_id, val_provider_id, val_server_id, seal_service, val_service_id, term, price,
      currency, day)
  WINDOW later AS (PARTITION BY agreement_id, val_provider_id, val_server_id, seal_service, val_service_id, term,
    price, currency ORDER BY day)
), record(run, agreement_id, val_provider_id, seal_service, term, price, currency, times, quantity) AS (
  -- A day at which something changed, and the days from it to the next such one, which are all the same.
  SELECT 2 * row_number() OVER (), agreement_id, val_provider_id, seal_service, term, price, currency, 1,
    86400 * held + part FROM run
  UNION ALL
  SELECT 2 * row_number() OVER () + 1, agreement_id, val_provider_id, seal_service, term, price, currency, next - day - 1,
    86400 * held FROM run WHERE held > 0 AND next > day + 1
), used(agreement_id, val_provider_id, seal_service, term, item, price, currency, quantity, times, amount) AS (
  SELECT g.agreement_id, g.val_provider_id, g.seal_service, g.term, iif(g.kind = 'invocation', 'invocation', 'identity-day'),
    g.price, g.currency, g.quantity, 1, g.amount
  FROM period AS p CROSS JOIN charged AS c CROSS JOIN seal_charge AS g
  WHERE iif(g.kind = 'invocation', unixepoch(g.time) >= p.start AND unixepoch(g.time) < p.stop,
      unixepoch(g.from_time) >= c.start AND unixepoch(g.until_time) <= c.stop)
    AND (:agreement_id IS NULL OR g.agreement_id = :agreement_id)
  UNION ALL
  SELECT agreement_id, val_provider_id, seal_service, term, 'identity-day', price, currency, quantity, times,
    seal_amount(quantity, price, 86400, 9)
  FROM record WHERE quantity > 0 GROUP BY run
), line AS (
  SELECT agreement_id, val_provider_id, seal_service, term, item,
    CASE item WHEN 'invocation' THEN CAST(sum(quantity) AS TEXT)
      ELSE seal_amount(quantity * times, '1', 86400, 6) END AS quantity,
    price, u.currency, seal_amount(times, amount, 1, coalesce(p.places, 2)) AS amount,
    coalesce(p.places, 2) AS places
  FROM used AS u LEFT JOIN places AS p ON p.currency = u.currency
  GROUP BY agreement_id, val_provider_id, seal_service, term, item, price, u.currency
)
SELECT agreement_id, val_provider_id, seal_service, term, item, quantity, price, currency, amount
FROM (
  SELECT *, 0 AS is_total FROM line
  UNION ALL
  SELECT agreement_id, val_provider_id, NULL, NULL, 'total', NULL, NULL, currency,
    seal_amount(1, amount, 1, places), places, 1
  FROM line WHERE amount IS NOT NULL GROUP BY agreement_id, val_provider_id, currency
)
ORDER BY agreement_id, val_provider_id, is_total, seal_service, term, item DESC, price, currency;
