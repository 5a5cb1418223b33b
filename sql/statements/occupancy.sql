-- How many identities and key records were held, from when to when (occupancy.c).
--
--   seal_occupancy_data    what a VAL service of a configuration held, from one change of its numbers to
--                          the next or to the configuration's own end
--   seal_occupancy_term    the terms that a configuration had besides one another: while one of them is not valid,
--                          none of its VAL services is. One that has a single term has none here
--   seal_occupancy_gap     when an agreement, a VAL server or a term was not valid
--   seal_occupancy_price   what a term's identity-day cost, from when to when
--   seal_occupancy_party   what those were called that are gone
--
-- What was held and valid is the first without the second: a suspension is one row, whatever it stops.

-- name: create_occupancy
CREATE TABLE main.seal_occupancy_data(
  service INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  term INTEGER NOT NULL,
  seal_service TEXT NOT NULL,
  val_service_id TEXT NOT NULL,
  conf_id TEXT NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  PRIMARY KEY (service, start)
) WITHOUT ROWID;
CREATE TABLE main.seal_occupancy_term(
  val_server INTEGER NOT NULL,
  conf_id TEXT NOT NULL,
  start INTEGER NOT NULL,
  term INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (val_server, conf_id, start, term)
) WITHOUT ROWID;
CREATE TABLE main.seal_occupancy_gap(
  kind INTEGER NOT NULL,
  object INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (kind, object, start)
) WITHOUT ROWID;
CREATE TABLE main.seal_occupancy_price(
  term INTEGER NOT NULL,
  start INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  val_service_id TEXT NOT NULL,
  price_per_identity_day TEXT,
  currency TEXT,
  PRIMARY KEY (term, start)
) WITHOUT ROWID;
CREATE TABLE main.seal_occupancy_party(
  val_server INTEGER PRIMARY KEY,
  val_server_id TEXT NOT NULL,
  agreement INTEGER NOT NULL,
  agreement_id TEXT NOT NULL,
  val_provider_id TEXT NOT NULL
);

-- name: drop_occupancy
DROP TABLE main.seal_occupancy_data;
DROP TABLE main.seal_occupancy_term;
DROP TABLE main.seal_occupancy_gap;
DROP TABLE main.seal_occupancy_price;
DROP TABLE main.seal_occupancy_party;

-- A VAL service of a configuration, or with ?3 0 all that it has.
-- fragment: those_services
(SELECT * FROM main.seal_configuration_service WHERE ?3 = 0 AND configuration = ?1
  UNION ALL SELECT * FROM main.seal_configuration_service WHERE id = ?3 AND configuration = ?1)

-- What is held now stays so up to ?2 and no longer: of one VAL service, or with ?3 0 of all that the
-- configuration has. What had ended before is left alone.
-- ?1 configuration ?2 at ?3 service
-- name: occupancy_close
UPDATE OR FAIL main.seal_occupancy_data SET stop = iif(start > ?2, start, ?2)
WHERE stop > ?2 AND (service, start) IN (
  SELECT s.id, (SELECT max(o.start) FROM main.seal_occupancy_data AS o WHERE o.service = s.id)
  FROM {{those_services}} AS s)

-- What is held now of those VAL services, until it ends, and since when: ?2, or the last change if that was later.
-- fragment: held_now
(SELECT s.id, s.since, c.until, c.val_server, s.term, c.seal_service, s.val_service_id, c.conf_id,
  s.identities, s.key_records
FROM main.seal_configuration_data AS c
CROSS JOIN (SELECT *, coalesce((SELECT max(o.start) FROM main.seal_occupancy_data AS o
    WHERE o.service = id AND o.start > ?2), ?2) AS since FROM {{those_services}}) AS s
WHERE c.id = ?1 AND c.until > s.since AND s.identities + s.key_records > 0)

-- It takes the place of what was known from the same instant on, or comes anew. Two statements, since one that
-- does both may have to take itself back (see ledger.sql).
-- ?1 configuration ?2 at ?3 service
-- name: occupancy_again
UPDATE OR FAIL main.seal_occupancy_data AS d SET (stop, val_server, term, seal_service, val_service_id,
  conf_id, identities, key_records) = (
    SELECT c.until, c.val_server, s.term, c.seal_service, s.val_service_id, c.conf_id, s.identities,
      s.key_records
    FROM main.seal_configuration_service AS s CROSS JOIN main.seal_configuration_data AS c ON c.id = ?1
    WHERE s.id = d.service)
WHERE (d.service, d.start) IN (SELECT n.id, n.since FROM {{held_now}} AS n)
-- name: occupancy_open
INSERT OR FAIL INTO main.seal_occupancy_data(service, start, stop, val_server, term, seal_service,
  val_service_id, conf_id, identities, key_records)
SELECT n.* FROM {{held_now}} AS n
WHERE NOT EXISTS (SELECT 1 FROM main.seal_occupancy_data AS d
  WHERE d.service = n.id AND d.start = n.since)

-- What is held of the VAL services of a configuration that are all new: none has a history to look at, and what
-- does not read the table that it writes needs no copy of it.
-- ?1 configuration ?2 at
-- name: occupancy_new
INSERT OR FAIL INTO main.seal_occupancy_data(service, start, stop, val_server, term, seal_service,
  val_service_id, conf_id, identities, key_records)
SELECT s.id, ?2, c.until, c.val_server, s.term, c.seal_service, s.val_service_id, c.conf_id,
  s.identities, s.key_records
FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_configuration_service AS s
WHERE c.id = ?1 AND s.configuration = ?1 AND c.until > ?2 AND s.identities + s.key_records > 0

-- How many VAL services of a configuration are under a term; no more than 2 are counted.
-- ?1 configuration ?2 term
-- name: occupancy_under
SELECT count(*) AS n FROM (SELECT 1 FROM main.seal_configuration_service
  WHERE configuration = ?1 AND term = ?2 LIMIT 2)

-- The terms of a configuration are those that it has now, from an instant on: what was known of later is forgotten.
-- Once it has ended they matter no more.
-- ?1 configuration ?2 since
-- name: occupancy_term_forget
DELETE FROM main.seal_occupancy_term WHERE start >= ?2 AND (val_server, conf_id) = (
  SELECT val_server, conf_id FROM main.seal_configuration_data WHERE id = ?1)
-- name: occupancy_term_cut
UPDATE OR FAIL main.seal_occupancy_term SET stop = ?2 WHERE stop > ?2 AND (val_server, conf_id) = (
  SELECT val_server, conf_id FROM main.seal_configuration_data WHERE id = ?1)
-- name: occupancy_term_add
INSERT OR FAIL INTO main.seal_occupancy_term(val_server, conf_id, start, term, stop)
SELECT c.val_server, c.conf_id, ?2, s.term, {{forever}}
FROM main.seal_configuration_data AS c
CROSS JOIN (SELECT DISTINCT term FROM main.seal_configuration_service WHERE configuration = ?1) AS s
WHERE c.id = ?1 AND c.until > ?2 AND (SELECT min(term) <> max(term) FROM main.seal_configuration_service
  WHERE configuration = ?1)

-- An agreement (1), a VAL server (2) or a term (3) is as it is now from an instant on: what was known of
-- later is forgotten, and when it is not valid from then on is put in its place.
-- ?1 kind ?2 id ?3 since
-- name: occupancy_gap_forget
DELETE FROM main.seal_occupancy_gap WHERE kind = ?1 AND object = ?2 AND start >= ?3
-- name: occupancy_gap_cut
UPDATE main.seal_occupancy_gap SET stop = ?3 WHERE kind = ?1 AND object = ?2 AND stop > ?3
-- name: occupancy_gap_add
WITH w(kind, active, start, stop) AS (
  SELECT 1, status = 'active', start_time, stop_time FROM main.seal_agreement_data
    WHERE ?1 = 1 AND id = ?2
  UNION ALL SELECT 2, status = 'active', NULL, exp_time FROM main.seal_val_server_data
    WHERE ?1 = 2 AND id = ?2
  UNION ALL SELECT 3, 1, start_time, stop_time FROM main.seal_term_data WHERE ?1 = 3 AND id = ?2)
INSERT INTO main.seal_occupancy_gap(kind, object, start, stop)
SELECT kind, ?2, ?3, iif(active, start, {{forever}}) FROM w WHERE NOT active OR start > ?3
UNION ALL SELECT kind, ?2, max(stop, ?3), {{forever}} FROM w WHERE active AND stop IS NOT NULL

-- ?1 term ?2 since
-- name: occupancy_price_forget
DELETE FROM main.seal_occupancy_price WHERE term = ?1 AND start >= ?2
-- name: occupancy_price_cut
UPDATE main.seal_occupancy_price SET stop = ?2 WHERE term = ?1 AND stop > ?2
-- name: occupancy_price_add
INSERT INTO main.seal_occupancy_price(term, start, stop, val_service_id, price_per_identity_day,
  currency)
SELECT id, ?2, {{forever}}, val_service_id, price_per_identity_day, currency
FROM main.seal_term_data WHERE id = ?1

-- An agreement, a VAL server or a term goes: with it, from then on, what hangs on it is not valid. The
-- rows that this leaves also keep their row ids from being given to others.
-- ?1 kind ?2 id ?3 at
-- name: occupancy_gone_party
INSERT OR REPLACE INTO main.seal_occupancy_party(val_server, val_server_id, agreement, agreement_id,
  val_provider_id)
SELECT v.id, v.val_server_id, a.id, a.agreement_id, a.val_provider_id
FROM main.seal_val_server_data AS v JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE CASE ?1 WHEN 1 THEN a.id = ?2 WHEN 2 THEN v.id = ?2 END
-- name: occupancy_gone
INSERT OR REPLACE INTO main.seal_occupancy_gap(kind, object, start, stop)
SELECT ?1, ?2, ?3, {{forever}}
UNION ALL SELECT 2, id, ?3, {{forever}} FROM main.seal_val_server_data WHERE ?1 = 1 AND agreement = ?2
UNION ALL SELECT 3, id, ?3, {{forever}} FROM main.seal_term_data WHERE ?1 = 1 AND agreement = ?2

-- The next row id of an agreement, a VAL server, a term, a configuration's VAL service: none that history
-- knows is given again.
-- fragment: next_agreement
coalesce(?1, 1 + max(coalesce((SELECT max(id) FROM main.seal_agreement_data), 0),
  coalesce((SELECT max(object) FROM main.seal_occupancy_gap WHERE kind = 1), 0)))
-- fragment: next_val_server
coalesce(?1, 1 + max(coalesce((SELECT max(id) FROM main.seal_val_server_data), 0),
  coalesce((SELECT max(object) FROM main.seal_occupancy_gap WHERE kind = 2), 0),
  coalesce((SELECT max(seq) FROM main.seal_audit_data), 0)))
-- fragment: next_term
coalesce(?1, 1 + max(coalesce((SELECT max(id) FROM main.seal_term_data), 0),
  coalesce((SELECT max(object) FROM main.seal_occupancy_gap WHERE kind = 3), 0)))
-- fragment: next_service
1 + max(coalesce((SELECT max(id) FROM main.seal_configuration_service), 0),
  coalesce((SELECT max(service) FROM main.seal_occupancy_data), 0))

-- What was held and valid: each stretch of seal_occupancy_data less the gaps of its agreement, its VAL
-- server and every term of its configuration (of several terms those gaps are gathered first), and cut where the price of its term changed. A stretch's
-- gaps are walked in the order in which they begin; what lies between the furthest end so far and the
-- next beginning was held. A gap of no length at its end closes the last one.
-- fragment: occupancy_held
SELECT o.service, o.start, o.stop, o.val_server, o.term, o.seal_service, o.val_service_id,
  o.conf_id, o.identities, o.key_records,
  coalesce(v.agreement, y.agreement) AS agreement,
  coalesce(v.val_server_id, y.val_server_id) AS val_server_id,
  coalesce(a.agreement_id, y.agreement_id) AS agreement_id,
  coalesce(a.val_provider_id, y.val_provider_id) AS val_provider_id
FROM main.seal_occupancy_data AS o
LEFT JOIN main.seal_val_server_data AS v ON v.id = o.val_server
LEFT JOIN main.seal_agreement_data AS a ON a.id = v.agreement
LEFT JOIN main.seal_occupancy_party AS y ON y.val_server = o.val_server
WHERE o.stop > o.start

-- fragment: occupancy_free
shared AS MATERIALIZED (
  SELECT DISTINCT t.val_server, t.conf_id, max(g.start, t.start) AS start, min(g.stop, t.stop) AS stop
  FROM main.seal_occupancy_term AS t
  CROSS JOIN main.seal_occupancy_gap AS g
    ON g.kind = 3 AND g.object = t.term AND g.start < t.stop AND g.stop > t.start
), gap(service, start, gap_start, gap_stop) AS (
  SELECT h.service, h.start, g.start, g.stop FROM held AS h
    CROSS JOIN main.seal_occupancy_gap AS g
      ON g.kind = 1 AND g.object = h.agreement AND g.start < h.stop AND g.stop > h.start
  UNION ALL
  SELECT h.service, h.start, g.start, g.stop FROM held AS h
    CROSS JOIN main.seal_occupancy_gap AS g
      ON g.kind = 2 AND g.object = h.val_server AND g.start < h.stop AND g.stop > h.start
  UNION ALL
  SELECT h.service, h.start, g.start, g.stop FROM held AS h
    CROSS JOIN main.seal_occupancy_gap AS g
      ON g.kind = 3 AND g.object = h.term AND g.start < h.stop AND g.stop > h.start
  UNION ALL
  SELECT h.service, h.start, t.start, t.stop FROM held AS h
    CROSS JOIN shared AS t
      ON t.val_server = h.val_server AND t.conf_id = h.conf_id AND t.start < h.stop AND t.stop > h.start
  UNION ALL
  SELECT service, start, stop, stop FROM held
), free(service, start, free_start, free_stop) AS (
  SELECT service, start,
    max(start, coalesce(max(gap_stop) OVER (PARTITION BY service, start ORDER BY gap_start, gap_stop
      ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), start)),
    gap_start
  FROM gap
)

-- name: view_occupancy
WITH held AS (
  {{occupancy_held}}
), {{occupancy_free}}
SELECT CAST(row_number() OVER (ORDER BY h.service, f.free_start) AS INTEGER) AS id, h.val_provider_id, h.agreement_id,
  h.val_server_id, h.seal_service, h.val_service_id, h.conf_id,
  max(f.free_start, coalesce(q.start, f.free_start)) AS start_time,
  nullif(min(f.free_stop, coalesce(q.stop, f.free_stop)), {{forever}}) AS stop_time,
  h.identities, h.key_records, q.val_service_id AS term, q.price_per_identity_day, q.currency
FROM free AS f
CROSS JOIN held AS h ON h.service = f.service AND h.start = f.start
LEFT JOIN main.seal_occupancy_price AS q
  ON q.term = h.term AND q.start < f.free_stop AND q.stop > f.free_start
WHERE f.free_start < f.free_stop

-- What ended before an instant, but for the last VAL service's.
-- ?1 before this instant
-- name: prune_occupancy
DELETE FROM main.seal_occupancy_data
WHERE service < (SELECT max(service) FROM main.seal_occupancy_data)
  AND (stop <= ?1 OR EXISTS (SELECT 1 FROM main.seal_occupancy_gap AS g
    WHERE g.kind = 2 AND g.object = val_server AND g.start <= ?1 AND g.stop = {{forever}}
      AND NOT EXISTS (SELECT 1 FROM main.seal_val_server_data AS v WHERE v.id = val_server)))
-- ?1 before this instant
-- name: prune_occupancy_term
DELETE FROM main.seal_occupancy_term WHERE stop <= ?1
