-- seal_term: what an agreement grants, for a SEAL service and a VAL service. NULL is no limit; limits count what is
-- granted under that term.
-- relation: term
-- storage: id                             INTEGER PRIMARY KEY insert({{next_term}})
-- column: agreement_id                    id key bundle refers(agreement)  "the agreement that it is part of"
-- column: seal_service                    service key bundle               "the SEAL service"
-- column: val_service_id                  id key bundle                    "a VAL service, or '*': any; the exact term wins"
-- column: max_identities                  count bundle                     "identities held at a time"
-- column: max_key_records                 count bundle                     "key records held at a time"
-- column: max_validity                    count bundle                     "seconds that a request may ask for; one that asks for none gets that many"
-- column: key_formats                     words bundle                     "JSON array: the key formats that key parameters may have"
-- column: scopes                          words bundle                     "JSON array: the scopes that key parameters may have"
-- column: allowed_total_invocations       count                            "invocations in all (TS 29.222)"
-- column: allowed_invocations_per_second  count                            "their rate (TS 29.222)"
-- column: allowed_invocation_time_ranges  ranges                           "JSON [{startTime, stopTime}], RFC 3339: when they are allowed"
-- column: start_time                      instant bundle                   "since when it holds, within the agreement"
-- column: stop_time                       instant bundle                   "when it ends, within the agreement"
-- column: price_per_invocation            decimal                          "what an invocation costs"
-- column: price_per_identity_day          decimal                          "what an identity costs that is held for a day"
-- column: currency                        currency                         "three capital letters (ISO 4217)"
-- column: identities                      count read-only from({{term_held_identities}})   "how many are held now under it; of every stored row what is stored, with what has ended"
-- column: key_records                     count read-only from({{term_held_key_records}})  "the same of key records"
-- column: invocations                     count read-only from({{term_invocations}})       "how often it was invoked so far"
-- column: at                              instant hidden                   "the clock: another instant that is asked for; NULL: every stored row"
-- statements: find insert update bundle bundle_all apply

-- seal_term_use has the counters of a term: what is held, how often it was invoked, and the token
-- bucket of its rate (invocation.c).
-- seal_term_held counts what is held under a term, by VAL server and by the instant at which the
-- configuration itself ends: a quota takes the term's total and subtracts what has ended.
-- name: create_term
CREATE TABLE main.seal_term_data(
  {{term_storage}}
);
CREATE INDEX main.seal_term_stop ON seal_term_data(agreement, seal_service,
  coalesce(stop_time, 9223372036854775807) DESC, val_service_id);
CREATE TABLE main.seal_term_use(
  term INTEGER PRIMARY KEY,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  invocations INTEGER NOT NULL DEFAULT 0,
  bucket_time INTEGER NOT NULL DEFAULT -62167219200,
  bucket_spent INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE main.seal_term_held(
  term INTEGER NOT NULL,
  until INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  identities INTEGER NOT NULL,
  key_records INTEGER NOT NULL,
  PRIMARY KEY (term, until, val_server)
) WITHOUT ROWID;
CREATE INDEX main.seal_term_held_val_server ON seal_term_held(val_server, term, until);

-- What a quota sees: what is stored, without what has ended at ?1 by itself or with its VAL server (authorize_held).
-- fragment: term_held_identities
CAST(coalesce((SELECT u.identities FROM main.seal_term_use AS u WHERE u.term = w.id), 0)
  - coalesce((SELECT sum(h.identities) {{term_ended}}), 0) AS INTEGER)
-- fragment: term_held_key_records
CAST(coalesce((SELECT u.key_records FROM main.seal_term_use AS u WHERE u.term = w.id), 0)
  - coalesce((SELECT sum(h.key_records) {{term_ended}}), 0) AS INTEGER)
-- fragment: term_ended
FROM main.seal_term_held AS h LEFT JOIN main.seal_val_server_data AS hv ON hv.id = h.val_server
WHERE h.term = w.id AND ?1 IS NOT NULL AND (h.until <= ?1 OR hv.status = 'terminated' OR hv.exp_time <= ?1)
-- fragment: term_invocations
CAST(coalesce((SELECT u.invocations FROM main.seal_term_use AS u WHERE u.term = w.id), 0) AS INTEGER)

-- name: drop_term
DROP TABLE main.seal_term_data;
DROP TABLE main.seal_term_use;
DROP TABLE main.seal_term_held;

-- name: view_term
SELECT w.id, {{term_view}} FROM {{term_from}} WHERE {{valid_window}}

-- ?1 id ?2 at
-- name: term_in_use
SELECT 'configuration' FROM main.seal_configuration_service AS s
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE s.term = ?1 AND a.status <> 'terminated' AND v.status <> 'terminated'
  AND min({{until_configuration}}, {{forever}}) > ?2
LIMIT 1

-- What goes with a term, in this order.
-- ?1 term
-- A configuration that has a VAL service under the term ended with it, and goes whole; other terms get
-- back what it held under them.
-- name: term_remove_other_use
UPDATE main.seal_term_use SET identities = identities - x.n_identities,
  key_records = key_records - x.n_records
FROM (SELECT s.term AS other, sum(s.identities) AS n_identities, sum(s.key_records) AS n_records
  FROM main.seal_configuration_service AS s
  WHERE s.configuration IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)
    AND s.term <> ?1 GROUP BY 1) AS x
WHERE term = x.other
-- name: term_remove_other_held
UPDATE main.seal_term_held SET identities = identities - x.n_identities,
  key_records = key_records - x.n_records
FROM (SELECT s.term AS other, c.until AS ends, c.val_server AS who, sum(s.identities) AS n_identities,
    sum(s.key_records) AS n_records
  FROM main.seal_configuration_service AS s
  JOIN main.seal_configuration_data AS c ON c.id = s.configuration
  WHERE s.configuration IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)
    AND s.term <> ?1 GROUP BY 1, 2, 3) AS x
WHERE term = x.other AND until = x.ends AND val_server = x.who
-- name: term_remove_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id FROM ({{term_services}}) AS s
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: term_remove_members
DELETE FROM main.seal_server_member WHERE id IN (SELECT m.id FROM ({{term_services}}) AS s
  CROSS JOIN main.seal_server_member AS m ON m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: term_remove_records
DELETE FROM main.seal_key_record_data WHERE service IN ({{term_services}})
-- name: term_remove_configurations
DELETE FROM main.seal_configuration_data
WHERE id IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)
-- name: term_remove_services
DELETE FROM main.seal_configuration_service WHERE id IN ({{term_services}})

-- fragment: term_services
SELECT id FROM main.seal_configuration_service
WHERE configuration IN (SELECT configuration FROM main.seal_configuration_service WHERE term = ?1)

-- ?1 term
-- name: term_remove_held
DELETE FROM main.seal_term_held WHERE term = ?1
-- name: term_remove_use
DELETE FROM main.seal_term_use WHERE term = ?1
-- name: term_remove
DELETE FROM main.seal_term_data WHERE id = ?1
