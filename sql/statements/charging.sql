-- Charging records: how they are made, and what leaves the registrar for charging (TS 32.291, clause 6.1.6, one-time
-- events).

-- An invocation for one VAL service, of a term that is a unit of the event: with quantity 1 it carries the price. As in
-- ledger.sql, OR FAIL and no function: the gate runs it for rows.
-- ?1 event ?2 term ?3 val_service_id ?4 quantity ?5 api_name ?6 api_reference
-- name: charge_invocation
INSERT OR FAIL INTO main.seal_charge_data(time, kind, agreement_id, val_provider_id, val_server_id, seal_service,
  api_name, val_service_id, term, quantity, amount, currency, price, usage_seq, rating_group, operation, result,
  api_reference)
SELECT {{charge_of_unit}}

-- The same, unless the event has a record of the VAL service already.
-- name: charge_another
INSERT OR FAIL INTO main.seal_charge_data(time, kind, agreement_id, val_provider_id, val_server_id, seal_service,
  api_name, val_service_id, term, quantity, amount, currency, price, usage_seq, rating_group, operation, result,
  api_reference)
SELECT {{charge_of_unit}}
AND NOT EXISTS (SELECT 1 FROM main.seal_charge_data WHERE usage_seq = ?1 AND val_service_id IS ?3)

-- fragment: charge_of_unit
u.time, 'invocation', u.agreement_id, u.val_provider_id, u.val_server_id, u.seal_service,
  ?5, ?3, n.val_service_id, ?4,
  CASE WHEN ?4 = 1 OR n.price_per_invocation IS NULL THEN n.price_per_invocation ELSE '0' END,
  n.currency, n.price_per_invocation, u.seq, n.term, u.operation, u.result, ?6
FROM main.seal_usage_data AS u CROSS JOIN main.seal_usage_unit AS n ON n.usage = ?1 AND n.term = ?2
WHERE u.seq = ?1

-- What was held in each UTC day of a period, in identity-seconds: by VAL server, VAL service, term and price.
--
--   held           |      .-----3-----.     |        stretches of seal_occupancy begin and end; an event adds or takes
--                  |--2---'  |        '--1--|---     away from a day what lies before it in that day, and from the next
--   a day's sum     = 86400 × (held at its end) + the parts of its events
--
-- So each stretch is looked at twice, however long it is, and a day between two events costs nothing but its record.
-- Days are counted from the year 0, so that no instant is negative.
-- ?1 from ?2 until, both midnight
-- name: charge_days
SELECT {{charge_party}}, rating_group, day * 86400 - 62167219200 AS from_time, quantity
FROM (WITH RECURSIVE held AS (
  {{occupancy_held}} AND o.identities > 0 AND o.stop > ?1 AND o.start < ?2
), {{occupancy_free}}, stretch AS MATERIALIZED (
  SELECT h.agreement_id, h.val_provider_id, h.val_server_id, h.seal_service, h.val_service_id,
    q.val_service_id AS term, q.price_per_identity_day AS price, q.currency, h.term AS rating_group, h.identities AS n,
    max(f.free_start, coalesce(q.start, f.free_start), ?1) + 62167219200 AS a,
    min(f.free_stop, coalesce(q.stop, f.free_stop), ?2) + 62167219200 AS b
  FROM free AS f
  CROSS JOIN held AS h ON h.service = f.service AND h.start = f.start
  LEFT JOIN main.seal_occupancy_price AS q
    ON q.term = h.term AND q.start < f.free_stop AND q.stop > f.free_start
  WHERE f.free_start < f.free_stop
), event AS (
  SELECT {{charge_party}}, rating_group, a / 86400 AS day, n AS step, -n * (a % 86400) AS part FROM stretch WHERE a < b
  UNION ALL
  SELECT {{charge_party}}, rating_group, b / 86400, -n, n * (b % 86400) FROM stretch WHERE a < b
), moved AS (
  SELECT {{charge_party}}, max(rating_group) AS rating_group, day, sum(step) AS step, sum(part) AS part
  FROM event GROUP BY {{charge_party}}, day
), run AS MATERIALIZED (
  SELECT {{charge_party}}, rating_group, day, part, sum(step) OVER later AS held, lead(day, 1, day) OVER later AS next
  FROM moved WINDOW later AS (PARTITION BY {{charge_party}} ORDER BY day)
), record AS (
  SELECT {{charge_party}}, rating_group, day, day AS last, 86400 * held + part AS quantity
  FROM run WHERE 86400 * held + part > 0
  UNION ALL
  SELECT {{charge_party}}, rating_group, day + 1, next - 1, 86400 * held FROM run WHERE held > 0 AND next > day + 1
  UNION ALL
  SELECT {{charge_party}}, rating_group, day + 1, last, quantity FROM record WHERE day < last
) SELECT * FROM record)
ORDER BY day, {{charge_party}}

-- fragment: charge_party
agreement_id, val_provider_id, val_server_id, seal_service, val_service_id, term, price, currency

-- ?1 time ?2 from ?3 until ?4 agreement_id ?5 val_provider_id ?6 val_server_id ?7 seal_service ?8 val_service_id ?9 term
-- ?10 price ?11 currency ?12 quantity ?13 amount ?14 rating group ?15 api_name ?16 api_reference
-- name: charge_day_insert
INSERT INTO main.seal_charge_data(time, kind, from_time, until_time, agreement_id, val_provider_id, val_server_id,
  seal_service, val_service_id, term, price, currency, quantity, amount, rating_group, api_name, operation,
  api_reference)
VALUES (?1, 'identity-days', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 'identity-days', ?16)

-- name: charge_state
SELECT until, taken, exported, (SELECT coalesce(max(seq), 0) FROM main.seal_charge_data) AS last
FROM main.seal_charge_state WHERE id = 1

-- ?1 until
-- name: charge_until
UPDATE main.seal_charge_state SET until = ?1 WHERE id = 1

-- ?1 taken up to this record ?2 exported
-- name: charge_taken
UPDATE main.seal_charge_state SET taken = ?1, exported = ?2 WHERE id = 1

-- A restored copy is told the last number that was given: the next one is beyond it.
-- ?1 that number ?2 at
-- name: charge_restored
INSERT INTO main.seal_charge_data(seq, time, kind, agreement_id, val_provider_id, val_server_id, seal_service,
  api_name, quantity, rating_group, operation, api_reference)
VALUES (?1, ?2, 'restored', '', '', '', '', '', 0, 0, '', '')

-- What a charging system has taken and is older, up to the first that is not; the last record stays: the next one's
-- number comes from it.
-- ?1 before this instant
-- name: prune_charge
DELETE FROM main.seal_charge_data
WHERE seq <= (SELECT taken FROM main.seal_charge_state WHERE id = 1)
  AND seq < coalesce((SELECT min(seq) FROM main.seal_charge_data WHERE time >= ?1), {{forever}})
  AND seq < (SELECT max(seq) FROM main.seal_charge_data)

-- By whom records are made.
-- name: charging_consumer
SELECT identifier FROM main.seal_registrar_data WHERE id = 1

-- The records from one instant up to another, each as a ChargingDataRequest. Charging functions read numbers as
-- 32 bits with a sign: a record's number begins anew where it would be larger, and identity-seconds stand in as many
-- containers as they need. ratingGroup and serviceId are the term's; aPIContent says what it is called, and of which VAL
-- service. No line break of any alphabet is in a subscriberIdentifier, as a Supi has none (TS 29.571).
-- ?1 from ?2 until ?3 from this number ?4 to this one ?5 nFName
-- name: charging_records
SELECT g.seq, g.time, json_object(
  'subscriberIdentifier', 'nai-' || replace(replace(replace(replace(g.val_server_id, char(10), '%0A'), char(13), '%0D'),
    char(8232), '%E2%80%A8'), char(8233), '%E2%80%A9'),
  'tenantIdentifier', g.val_provider_id,
  'nfConsumerIdentification', json_object('nFName', ?5, 'nodeFunctionality', 'NEF'),
  'invocationTimeStamp', strftime('%Y-%m-%dT%H:%M:%SZ', g.time, 'unixepoch'),
  'invocationSequenceNumber', (g.seq - 1) % 2147483647 + 1,
  'retransmissionIndicator', json(iif(g.seq > s.taken AND g.seq <= s.exported, 'true', 'false')),
  'oneTimeEvent', json('true'),
  'oneTimeEventType', 'PEC',
  'multipleUnitUsage', json_array(json_object(
    'ratingGroup', g.rating_group % 2147483648,
    'usedUnitContainer', json(iif(g.kind = 'invocation', json_array(json_object(
      'serviceId', g.rating_group % 2147483648, 'time', 0, 'serviceSpecificUnits', g.quantity,
      'localSequenceNumber', 1)), {{charging_seconds}})))),
  'nEFChargingInformation', json_patch('{}', json_object(
    'aPIName', g.api_name,
    'aPIDirection', 'INVOCATION',
    'aPIOperation', json_object('name', g.operation),
    'aPIResultCode', g.result,
    'aPIReference', g.api_reference,
    'aPIContent', json_object('kind', g.kind, 'agreement_id', g.agreement_id, 'val_service_id', g.val_service_id,
      'term', g.term, 'quantity', g.quantity, 'price', g.price, 'amount', g.amount, 'currency', g.currency,
      'usage_seq', g.usage_seq, 'from_time', strftime('%Y-%m-%dT%H:%M:%SZ', g.from_time, 'unixepoch'),
      'until_time', strftime('%Y-%m-%dT%H:%M:%SZ', g.until_time, 'unixepoch')) || '')))
FROM main.seal_charge_state AS s CROSS JOIN main.seal_charge_data AS g
WHERE s.id = 1 AND g.seq BETWEEN ?3 AND ?4 AND g.time >= ?1 AND g.time < ?2
  AND g.kind <> 'restored'
ORDER BY g.seq

-- A stored quantity is not trusted to need few containers.
-- fragment: charging_seconds
(WITH RECURSIVE container(i, seconds, rest) AS (
    SELECT 1, min(g.quantity, 2147483647), g.quantity - min(g.quantity, 2147483647)
    UNION ALL
    SELECT i + 1, min(rest, 2147483647), rest - min(rest, 2147483647) FROM container WHERE rest > 0 LIMIT 100000)
  SELECT json_group_array(json_object('serviceId', g.rating_group % 2147483648,
    'triggerTimestamp', strftime('%Y-%m-%dT%H:%M:%SZ', g.until_time, 'unixepoch'),
    'time', seconds, 'serviceSpecificUnits', 0, 'localSequenceNumber', i)) FROM container)
