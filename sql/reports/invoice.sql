-- What a period costs, by agreement: the invocations of each term, its identity-days to the second, and
-- the total. From :from (default: the beginning) until :until (default: now); :agreement_id narrows it.
--
-- Prices are those of the time at which something was used, so that a line stands for each price. Amounts
-- are exact decimals, rounded once for each line, half up, to what the currency has; a total is the sum
-- of its lines. What has no price has no amount.
WITH period(start, stop) AS (
  SELECT
    CASE typeof(:from) WHEN 'integer' THEN :from ELSE coalesce(unixepoch(:from), -62167219200) END,
    CASE typeof(:until) WHEN 'integer' THEN :until ELSE unixepoch(coalesce(:until, 'now')) END
), places(currency, places) AS (
  VALUES ('BIF', 0), ('CLP', 0), ('DJF', 0), ('GNF', 0), ('ISK', 0), ('JPY', 0), ('KMF', 0),
    ('KRW', 0), ('PYG', 0), ('RWF', 0), ('UGX', 0), ('VND', 0), ('VUV', 0), ('XAF', 0), ('XOF', 0),
    ('XPF', 0), ('BHD', 3), ('IQD', 3), ('JOD', 3), ('KWD', 3), ('LYD', 3), ('OMR', 3), ('TND', 3)
), used(agreement_id, val_provider_id, seal_service, term, item, quantity, per, price, currency) AS (
  SELECT u.agreement_id, u.val_provider_id, u.seal_service, n.value->>'val_service_id', 'invocation',
    1, 1, n.value->>'price_per_invocation', n.value->>'currency'
  FROM period JOIN seal_usage AS u JOIN json_each(u.units) AS n
  WHERE unixepoch(u.time) >= start AND unixepoch(u.time) < stop
  UNION ALL
  SELECT o.agreement_id, o.val_provider_id, o.seal_service, o.term, 'identity-day',
    o.identities * (min(coalesce(unixepoch(o.stop_time), stop), stop)
      - max(unixepoch(o.start_time), start)), 86400, o.price_per_identity_day, o.currency
  FROM period JOIN seal_occupancy AS o
  WHERE o.identities > 0 AND unixepoch(o.start_time) < stop
    AND coalesce(unixepoch(o.stop_time), stop) > start
), line AS (
  SELECT agreement_id, val_provider_id, seal_service, term, item,
    CASE item WHEN 'invocation' THEN CAST(sum(quantity) AS TEXT)
      ELSE seal_amount(quantity, '1', 86400, 6) END AS quantity,
    price, u.currency, seal_amount(quantity, price, per, coalesce(p.places, 2)) AS amount,
    coalesce(p.places, 2) AS places
  FROM used AS u LEFT JOIN places AS p ON p.currency = u.currency
  WHERE :agreement_id IS NULL OR agreement_id = :agreement_id
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
