-- Configurations, the VAL services in them, and their rows. The rows of service s have the ids
-- (s << 28) + 0, 1, … (held.h, SEAL_ROW_BITS).

-- A VAL server's own configuration that is valid.
-- ?1 at ?2 VAL server ?3 seal_service ?4 conf_id
-- name: configuration_find
SELECT c.id
FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE c.conf_id = ?4 AND c.val_server = ?2 AND c.seal_service = ?3 AND {{valid_configuration}}

-- ?1 id
-- name: configuration_load
SELECT c.conf_id, c.val_server, c.seal_service, c.exp_time, c.until, v.val_server_id
FROM main.seal_configuration_data AS c
JOIN main.seal_val_server_data AS v ON v.id = c.val_server WHERE c.id = ?1

-- ?1 VAL server ?2 conf_id
-- name: configuration_by_name
SELECT id FROM main.seal_configuration_data WHERE val_server = ?1 AND conf_id = ?2

-- The standing configuration of a VAL server under a term, for an end that rows ask for.
-- ?1 VAL server ?2 term ?3 seal_service ?4 exp_time ?5 until
-- name: configuration_standing
SELECT id, conf_id FROM main.seal_configuration_data
WHERE val_server = ?1 AND standing = ?2 AND until = ?5 AND seal_service = ?3 AND exp_time IS ?4

-- ?1 conf_id ?2 VAL server ?3 seal_service ?4 exp_time ?5 until ?6 supp_feat ?7 at ?8 the term under which it
-- stands, 0: it does not; no row: the name is taken
-- name: configuration_insert
INSERT INTO main.seal_configuration_data(conf_id, val_server, seal_service, exp_time, until,
  supp_feat, created_time, updated_time, standing)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, nullif(?8, 0))
ON CONFLICT (val_server, conf_id) DO NOTHING

-- ?1 id ?2 exp_time ?3 until ?4 supp_feat ?5 at
-- name: configuration_reschedule
UPDATE main.seal_configuration_data
SET exp_time = ?2, until = ?3, supp_feat = ?4, updated_time = max(updated_time, ?5), standing = NULL
WHERE id = ?1

-- ?1 id ?2 until
-- name: configuration_shorten
UPDATE main.seal_configuration_data SET until = ?2 WHERE id = ?1

-- ?1 id ?2 its own end, before the one that it had
-- name: configuration_end
UPDATE main.seal_configuration_data SET exp_time = ?2, until = ?2, standing = NULL WHERE id = ?1

-- ?1 id ?2 at
-- name: configuration_touch
UPDATE main.seal_configuration_data SET updated_time = max(updated_time, ?2) WHERE id = ?1

-- ?1 id
-- name: configuration_delete
DELETE FROM main.seal_configuration_data WHERE id = ?1

-- What a configuration holds moves to another end; the rows that were counted until the old one.
-- ?1 configuration ?2 old end ?3 new end ?4 VAL server
-- name: configuration_held_move
INSERT INTO main.seal_term_held(term, until, val_server, identities, key_records)
SELECT e.term, e.until, ?4, sum(e.identities), sum(e.key_records)
FROM (SELECT term, ?2 AS until, -identities AS identities, -key_records AS key_records
    FROM main.seal_configuration_service WHERE configuration = ?1
  UNION ALL SELECT term, ?3, identities, key_records
    FROM main.seal_configuration_service WHERE configuration = ?1) AS e
WHERE 1 GROUP BY 1, 2
ON CONFLICT DO UPDATE SET identities = identities + excluded.identities,
  key_records = key_records + excluded.key_records

-- What a configuration holds, by term.
-- ?1 configuration
-- name: configuration_tally
SELECT term, sum(identities) AS identities, sum(key_records) AS key_records
FROM main.seal_configuration_service WHERE configuration = ?1 GROUP BY term

-- ?1 configuration
-- name: configuration_services
SELECT id, term, identities, key_records, val_service_id FROM main.seal_configuration_service
WHERE configuration = ?1 ORDER BY id

-- ?1 configuration ?2 val_service_id
-- name: service_find
SELECT id, term, next, identities, key_records FROM main.seal_configuration_service
WHERE configuration = ?1 AND val_service_id = ?2

-- ?1 id
-- name: service_load
SELECT configuration, term, val_service_id FROM main.seal_configuration_service WHERE id = ?1

-- ?1 configuration ?2 val_service_id ?3 term ?4 key_format ?5 scope ?6 identities ?7 key records ?8 next row
-- name: service_insert
INSERT INTO main.seal_configuration_service(id, configuration, val_service_id, term, key_format, scope,
  identities, key_records, next)
VALUES ({{next_service}}, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- ?1 id ?2 term
-- name: service_move
UPDATE main.seal_configuration_service SET term = ?2 WHERE id = ?1

-- ?1 id ?2 identities ?3 key records, more than before ?4 next row
-- name: service_count
UPDATE main.seal_configuration_service
SET identities = identities + ?2, key_records = key_records + ?3, next = max(next, ?4)
WHERE id = ?1

-- ?1 id ?2 key_format ?3 scope
-- name: service_update_key
UPDATE main.seal_configuration_service SET key_format = ?2, scope = ?3 WHERE id = ?1

-- ?1 id
-- name: service_delete
DELETE FROM main.seal_configuration_service WHERE id = ?1

-- ?1 id ?2 service ?3 val_user_id ?4 val_ue_id
-- name: identity_insert
INSERT INTO main.seal_identity_data(id, service, val_user_id, val_ue_id) VALUES (?1, ?2, ?3, ?4)

-- The same for two rows, with ids ?1 and ?1 + 1: as below.
-- name: identity_insert_two
INSERT OR FAIL INTO main.seal_identity_data(id, service, val_user_id, val_ue_id)
VALUES (?1, ?2, ?3, ?4), (?1 + 1, ?2, ?5, ?6)

-- The same for 32 rows with ids from ?1 on: one statement's beginning and end for all of them. OR FAIL,
-- so that nothing has to be kept for taking it back: the caller knows that the rows are new.
-- ?1 first id ?2 service ?3 val_user_id ?4 val_ue_id, ?5 and ?6 for the next row, and so on
-- name: identity_insert_many
INSERT OR FAIL INTO main.seal_identity_data(id, service, val_user_id, val_ue_id) VALUES
  (?1, ?2, ?3, ?4), (?1 + 1, ?2, ?5, ?6), (?1 + 2, ?2, ?7, ?8), (?1 + 3, ?2, ?9, ?10),
  (?1 + 4, ?2, ?11, ?12), (?1 + 5, ?2, ?13, ?14), (?1 + 6, ?2, ?15, ?16), (?1 + 7, ?2, ?17, ?18),
  (?1 + 8, ?2, ?19, ?20), (?1 + 9, ?2, ?21, ?22), (?1 + 10, ?2, ?23, ?24), (?1 + 11, ?2, ?25, ?26),
  (?1 + 12, ?2, ?27, ?28), (?1 + 13, ?2, ?29, ?30), (?1 + 14, ?2, ?31, ?32), (?1 + 15, ?2, ?33, ?34),
  (?1 + 16, ?2, ?35, ?36), (?1 + 17, ?2, ?37, ?38), (?1 + 18, ?2, ?39, ?40), (?1 + 19, ?2, ?41, ?42),
  (?1 + 20, ?2, ?43, ?44), (?1 + 21, ?2, ?45, ?46), (?1 + 22, ?2, ?47, ?48), (?1 + 23, ?2, ?49, ?50),
  (?1 + 24, ?2, ?51, ?52), (?1 + 25, ?2, ?53, ?54), (?1 + 26, ?2, ?55, ?56), (?1 + 27, ?2, ?57, ?58),
  (?1 + 28, ?2, ?59, ?60), (?1 + 29, ?2, ?61, ?62), (?1 + 30, ?2, ?63, ?64), (?1 + 31, ?2, ?65, ?66)

-- ?1 service ?2 val_user_id ?3 val_ue_id
-- name: identity_find
SELECT id FROM main.seal_identity_data WHERE val_user_id = ?2 AND service = ?1
UNION ALL SELECT id FROM main.seal_identity_data WHERE val_ue_id = ?3 AND service = ?1

-- ?1 id ?2 val_user_id ?3 val_ue_id
-- name: identity_update
UPDATE main.seal_identity_data SET val_user_id = ?2, val_ue_id = ?3 WHERE id = ?1

-- ?1 id
-- name: identity_delete
DELETE FROM main.seal_identity_data WHERE id = ?1

-- The rows of a service, from one id to another.
-- ?1 first ?2 last
-- name: identity_delete_range
DELETE FROM main.seal_identity_data WHERE id BETWEEN ?1 AND ?2

-- The id of the row that stands ?3 rows after the first.
-- ?1 first ?2 last ?3 how many
-- name: identity_boundary
SELECT id FROM main.seal_identity_data WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1 OFFSET ?3

-- A configuration that has ended, by its own end or by what it hangs on; each arm is an index range.
-- ?1 at
-- name: sweep_next
SELECT id FROM (
  SELECT id FROM (SELECT id FROM main.seal_configuration_data WHERE until <= ?1 LIMIT 1)
  UNION ALL
  SELECT id FROM (SELECT c.id FROM main.seal_val_server_data AS v
    CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
    WHERE v.exp_time <= ?1 LIMIT 1)
  UNION ALL
  SELECT id FROM (SELECT c.id FROM main.seal_val_server_data AS v
    CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
    WHERE v.status = 'terminated' LIMIT 1)
  UNION ALL
  SELECT id FROM (SELECT c.id FROM main.seal_agreement_data AS a
    CROSS JOIN main.seal_val_server_data AS v ON v.agreement = a.id
    CROSS JOIN main.seal_configuration_data AS c ON c.val_server = v.id
    WHERE a.stop_time <= ?1 OR a.status = 'terminated' LIMIT 1)
  UNION ALL
  SELECT id FROM (SELECT s.configuration AS id FROM main.seal_term_data AS t
    CROSS JOIN main.seal_configuration_service AS s ON s.term = t.id
    WHERE t.stop_time <= ?1 LIMIT 1))
LIMIT 1

-- ?1 at ?2 how many
-- name: sweep_replay
DELETE FROM main.seal_credential_replay WHERE (iss, jti) IN (
  SELECT iss, jti FROM main.seal_credential_replay WHERE until <= ?1 LIMIT ?2)

-- ?1 before this instant ?2 how many
-- name: sweep_message
DELETE FROM main.seal_message_data WHERE id IN (
  SELECT id FROM main.seal_message_data WHERE time <= ?1 LIMIT ?2)

-- ?1 at
-- name: sweep_time
UPDATE main.seal_registrar_data SET last_sweep_time = ?1 WHERE id = 1

-- ?1 configuration
-- name: stored_head
SELECT c.conf_id, c.seal_service, c.exp_time, c.supp_feat, v.val_server_id, v.end_pt,
  v.notification_destination, nullif({{until_configuration}}, {{forever}}) AS valid_until
FROM main.seal_configuration_data AS c
JOIN main.seal_val_server_data AS v ON v.id = c.val_server
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE c.id = ?1

-- ?1 configuration
-- name: stored_services
SELECT id, val_service_id, key_format, scope, identities, key_records, term
FROM main.seal_configuration_service
WHERE configuration = ?1 ORDER BY id

-- ?1 first ?2 last
-- name: stored_ids
SELECT val_user_id, val_ue_id FROM main.seal_identity_data WHERE id BETWEEN ?1 AND ?2 ORDER BY id

-- ?1 at ?2 VAL server ?3 seal_service
-- name: configuration_list
SELECT c.id
FROM main.seal_configuration_data AS c
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE c.val_server = ?2 AND c.seal_service = ?3 AND {{valid_configuration}}
ORDER BY c.id

-- ?1 VAL server
-- name: val_server_contact
SELECT end_pt, notification_destination FROM main.seal_val_server_data WHERE id = ?1

-- ?1 VAL server ?2 end_pt ?3 notification_destination
-- name: val_server_contact_set
UPDATE main.seal_val_server_data SET end_pt = ?2, notification_destination = ?3
WHERE id = ?1 AND (end_pt IS NOT ?2 OR notification_destination IS NOT ?3)

-- ?1 id ?2 service ?3 val_user_id ?4 val_ue_id ?5 client_id ?6 payload_id ?7 key_format ?8 key_info, sealed
-- ?9 user_uri ?10 skmc_uri
-- name: record_insert
INSERT INTO main.seal_key_record_data(id, service, val_user_id, val_ue_id, client_id, payload_id, key_format,
  key_info, user_uri, skmc_uri)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- ?1 service ?2 val_user_id ?3 val_ue_id ?4 client_id ?5 payload_id
-- name: record_there
SELECT id FROM main.seal_key_record_data WHERE service = ?1
  AND coalesce('u' || val_user_id, 'e' || val_ue_id, 'c' || client_id, 's')
    = coalesce('u' || ?2, 'e' || ?3, 'c' || ?4, 's')
  AND coalesce(payload_id, '') = coalesce(?5, '')

-- ?1 id
-- name: record_delete
DELETE FROM main.seal_key_record_data WHERE id = ?1

-- ?1 first ?2 last
-- name: record_delete_range
DELETE FROM main.seal_key_record_data WHERE id BETWEEN ?1 AND ?2

-- ?1 first ?2 last ?3 how many
-- name: record_boundary
SELECT id FROM main.seal_key_record_data WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 1 OFFSET ?3

-- A VAL server's newest record for a VAL service: the id's own, or, where none is asked for, the service's.
-- ?1 at ?2 VAL server ?3 val_service_id ?4 val_user_id ?5 val_ue_id ?6 client_id
-- name: record_find
SELECT c.conf_id, s.val_service_id, r.val_user_id, r.val_ue_id, r.client_id, r.payload_id, r.key_info, r.user_uri,
  r.id
FROM main.seal_configuration_service AS s
CROSS JOIN main.seal_configuration_data AS c ON c.id = s.configuration
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
CROSS JOIN main.seal_key_record_data AS r ON r.service = s.id
  AND coalesce('u' || r.val_user_id, 'e' || r.val_ue_id, 'c' || r.client_id, 's')
    = coalesce('u' || ?4, 'e' || ?5, 'c' || ?6, 's')
WHERE s.val_service_id = ?3 AND c.val_server = ?2 AND c.seal_service = 'key-management'
  AND {{valid_configuration}}
ORDER BY c.id DESC, r.id DESC
LIMIT 1
