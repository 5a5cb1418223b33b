-- Secrets: the check value, signing keys, and everything that is sealed when the key changes.

-- name: seal_check
SELECT seal_check FROM main.seal_registrar_data WHERE id = 1

-- ?1 the sealed check value
-- name: seal_check_set
UPDATE main.seal_registrar_data SET seal_check = ?1 WHERE id = 1

-- name: signing_key
SELECT kid, private, id FROM main.seal_registrar_key WHERE retired_time IS NULL ORDER BY id DESC LIMIT 1

-- The one before another that still opens what was encrypted to it.
-- ?1 kid of the other ?2 at
-- name: signing_key_before
SELECT kid, private, id FROM main.seal_registrar_key
WHERE private <> x'' AND id < (SELECT id FROM main.seal_registrar_key WHERE kid = ?1) AND retired_time + {{handover}} > ?2
ORDER BY id DESC LIMIT 1

-- The key for a bundle: the newest that its SEAL server knows, by the change with which it was told; else, and for
-- a full copy, the oldest that still signs, since each key was told in bundles that the one before it signed; but one of
-- those that the JWK set has room for (authorize.sql), if there is any: a new SEAL server knows no others.
-- ?1 the change up to which the server knows the registrar, -1: not known ?2 at
-- name: signing_key_known
SELECT kid, private, id FROM main.seal_registrar_key
WHERE private <> x'' AND (retired_time IS NULL OR retired_time + {{handover}} > ?2)
ORDER BY change <= ?1 DESC, change > ?1 AND id <= (SELECT max(id) - 64 FROM main.seal_registrar_key),
  iif(change <= ?1, -id, id) LIMIT 1

-- The old key verifies what it signed, and signs bundles for SEAL servers, if there are any, that don't know the new one yet;
-- a SEAL server's own opens bundles that are under way.
-- ?1 at
-- name: signing_retire
UPDATE main.seal_registrar_key SET retired_time = ?1, until = iif(x.n, max(until, ?1 + {{handover}}), until),
  private = iif(x.n OR x.opens, private, x'')
FROM (SELECT EXISTS (SELECT 1 FROM main.seal_server_data) AS n,
  EXISTS (SELECT 1 FROM main.seal_anchor_data WHERE type = 'registrar') AS opens) AS x WHERE retired_time IS NULL

-- Of keys that leaked nothing is believed any more, whatever instant is asked for.
-- name: signing_revoke
UPDATE main.seal_registrar_key SET private = x'', until = -9223372036854775807 - 1 WHERE retired_time IS NOT NULL

-- ?1 at
-- name: signing_forget
UPDATE main.seal_registrar_key SET private = x''
WHERE private <> x'' AND retired_time + {{handover}} <= ?1

-- fragment: handover
2592000

-- The last entry of the change feed is the one that tells of it.
-- ?1 kid ?2 public JWK ?3 private key, sealed ?4 at
-- name: signing_insert
INSERT INTO main.seal_registrar_key(kid, public, private, created_time, until, change)
VALUES (?1, ?2, ?3, ?4, ?4, (SELECT coalesce(max(seq), 0) FROM main.seal_change_data))

-- ?1 kid
-- name: signing_name
UPDATE main.seal_registrar_data SET signing_kid = ?1 WHERE id = 1

-- ?1 kid ?2 until when a token of it is about
-- name: signing_used
UPDATE main.seal_registrar_key SET until = max(until, ?2) WHERE kid = ?1

-- The next sealed value after a row id, with what it is sealed to.
-- ?1 row id
-- name: reseal_psk
SELECT w.id, w.value, {{credential_identity}} AS name
FROM main.seal_credential_data AS w JOIN main.seal_val_server_data AS v ON v.id = w.val_server
WHERE w.type = 'psk' AND w.id > ?1 ORDER BY w.id LIMIT 1
-- name: reseal_key
SELECT id, private, kid FROM main.seal_registrar_key WHERE private <> x'' AND id > ?1 ORDER BY id LIMIT 1
-- A part that a bundle brought to a SEAL server (exchange.sql) is sealed as what it will be.
-- name: reseal_record
SELECT r.id, r.key_info, {{record_identity}} AS name
FROM main.seal_key_record_data AS r
JOIN main.seal_configuration_service AS s ON s.id = r.service
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
JOIN main.seal_val_server_data AS v ON v.id = abs(c.val_server)
WHERE r.id > ?1 ORDER BY r.id LIMIT 1

-- name: reseal_answer
SELECT id, body, val_server || ':' || message_id AS name
FROM main.seal_message_data WHERE typeof(body) = 'blob' AND id > ?1 ORDER BY id LIMIT 1

-- ?1 row id ?2 the value, sealed again
-- name: reseal_psk_set
UPDATE main.seal_credential_data SET value = ?2 WHERE id = ?1
-- name: reseal_key_set
UPDATE main.seal_registrar_key SET private = ?2 WHERE id = ?1
-- name: reseal_record_set
UPDATE main.seal_key_record_data SET key_info = ?2 WHERE id = ?1

-- name: reseal_answer_set
UPDATE main.seal_message_data SET body = ?2 WHERE id = ?1

-- What a psk is sealed to: the row's identity, each part with its length.
-- fragment: credential_identity
(length(v.val_server_id) || ':' || v.val_server_id
  || length(w.credential_id) || ':' || w.credential_id)

-- The same of a key record.
-- fragment: record_identity
(length(v.val_server_id) || ':' || v.val_server_id || length(c.conf_id) || ':' || c.conf_id || length(s.val_service_id) || ':' || s.val_service_id
  || coalesce('u' || r.val_user_id, 'e' || r.val_ue_id, 'c' || r.client_id, 's')
  || coalesce(char(10) || r.payload_id, ''))

-- name: registrar_skms_uri
SELECT skms_uri FROM main.seal_registrar_data WHERE id = 1
