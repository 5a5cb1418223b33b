-- seal_val_server: a server of the VAL service provider, which proves who it is by a credential.
-- relation: val_server
-- storage: id                       INTEGER PRIMARY KEY insert({{next_val_server}})
-- column: val_server_id             id key bundle                               "what its credentials prove: iss, sub, client_id, SAN"
-- column: agreement_id              id required fixed bundle refers(agreement)  "the agreement that it acts under"
-- column: end_pt                    endpoint bundle                             "JSON EndPoint of TS 29.558: exactly one of uri, fqdn, ipv4Addrs, ipv6Addrs"
-- column: notification_destination  url bundle                                  "a URI"
-- column: exp_time                  instant bundle                              "when its registration ends; NULL: never"
-- column: status                    word(active suspended terminated) bundle    "active (default), suspended, or terminated, which is for good"
-- column: at                        instant hidden                              "the clock: another instant that is asked for; NULL: every stored row"
-- storage: registered               INTEGER insert(CAST(:extra AS INTEGER))
-- statements: find insert update bundle bundle_all apply

-- name: create_val_server
CREATE TABLE main.seal_val_server_data(
  {{val_server_storage}}
);
CREATE INDEX main.seal_val_server_agreement ON seal_val_server_data(agreement, exp_time);
CREATE INDEX main.seal_val_server_exp ON seal_val_server_data(exp_time) WHERE exp_time IS NOT NULL;
CREATE INDEX main.seal_val_server_terminated ON seal_val_server_data(agreement)
  WHERE status = 'terminated';

CREATE TABLE main.seal_val_server_rate(
  val_server INTEGER PRIMARY KEY,
  bucket_time INTEGER NOT NULL,
  bucket_spent INTEGER NOT NULL
);

-- name: drop_val_server
DROP TABLE main.seal_val_server_data;
DROP TABLE main.seal_val_server_rate;

-- name: view_val_server
SELECT w.id, {{val_server_view}} FROM {{val_server_from}}
WHERE (?1 IS NULL OR coalesce(w.exp_time, {{forever}}) > ?1)

-- How many VAL servers of an agreement there are that have not ended, but for one of them.
-- ?1 agreement_id ?2 at ?3 val_server_id
-- name: val_server_quota
SELECT a.max_val_servers, (SELECT count(*) FROM main.seal_val_server_data AS v
  WHERE v.agreement = a.id AND v.status <> 'terminated'
    AND coalesce(v.exp_time, {{forever}}) > ?2 AND v.val_server_id <> ?3) AS held
FROM main.seal_agreement_data AS a WHERE a.agreement_id = ?1

-- ?1 id ?2 at
-- name: val_server_in_use
SELECT 'configuration' FROM main.seal_configuration_data AS c
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE v.id = ?1 AND a.status <> 'terminated' AND v.status <> 'terminated'
  AND {{until_configuration}} > ?2
LIMIT 1

-- What goes with a VAL server, in this order.
-- The counters give back what the VAL server held.
-- ?1 VAL server
-- name: val_server_remove_use
UPDATE main.seal_term_use SET
  identities = identities - (SELECT sum(h.identities) FROM main.seal_term_held AS h
    WHERE h.val_server = ?1 AND h.term = seal_term_use.term),
  key_records = key_records - (SELECT sum(h.key_records) FROM main.seal_term_held AS h
    WHERE h.val_server = ?1 AND h.term = seal_term_use.term)
WHERE term IN (SELECT term FROM main.seal_term_held WHERE val_server = ?1)
-- name: val_server_remove_held
DELETE FROM main.seal_term_held WHERE val_server = ?1
-- name: val_server_remove_identities
DELETE FROM main.seal_identity_data WHERE id IN (SELECT i.id
  FROM main.seal_configuration_data AS c
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
  WHERE c.val_server = ?1)
-- name: val_server_remove_members
DELETE FROM main.seal_server_member WHERE id IN (SELECT m.id FROM (SELECT s.id
  FROM main.seal_configuration_data AS c
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id WHERE c.val_server = ?1) AS s
  CROSS JOIN main.seal_server_member AS m ON m.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455)
-- name: val_server_remove_records
DELETE FROM main.seal_key_record_data WHERE service IN (SELECT s.id
  FROM main.seal_configuration_data AS c
  CROSS JOIN main.seal_configuration_service AS s ON s.configuration = c.id WHERE c.val_server = ?1)
-- name: val_server_remove_services
DELETE FROM main.seal_configuration_service
WHERE configuration IN (SELECT id FROM main.seal_configuration_data WHERE val_server = ?1)
-- name: val_server_remove_configurations
DELETE FROM main.seal_configuration_data WHERE val_server = ?1
-- name: val_server_remove_credentials
DELETE FROM main.seal_credential_data WHERE val_server = ?1
-- name: val_server_remove_notices
DELETE FROM main.seal_notification_cause WHERE val_server = ?1
-- name: val_server_remove_rate
DELETE FROM main.seal_val_server_rate WHERE val_server = ?1
-- name: val_server_remove
DELETE FROM main.seal_val_server_data WHERE id = ?1
