-- Secrets: the check value, signing keys, and everything that is sealed when the key changes.

-- name: seal_check
SELECT seal_check FROM main.seal_registrar_data WHERE id = 1

-- ?1 the sealed check value
-- name: seal_check_set
UPDATE main.seal_registrar_data SET seal_check = ?1 WHERE id = 1

-- name: signing_key
SELECT kid, private FROM main.seal_registrar_key WHERE retired_time IS NULL ORDER BY id DESC LIMIT 1

-- ?1 at
-- name: signing_retire
UPDATE main.seal_registrar_key SET retired_time = ?1 WHERE retired_time IS NULL

-- ?1 kid ?2 public JWK ?3 private key, sealed ?4 at
-- name: signing_insert
INSERT INTO main.seal_registrar_key(kid, public, private, created_time, until)
VALUES (?1, ?2, ?3, ?4, ?4)

-- ?1 kid
-- name: signing_name
UPDATE main.seal_registrar_data SET signing_kid = ?1 WHERE id = 1

-- ?1 kid ?2 until when a token of it is about
-- name: signing_used
UPDATE main.seal_registrar_key SET until = max(until, ?2) WHERE kid = ?1

-- The next sealed value after a row id, with what it is sealed to.
-- ?1 row id
-- name: reseal_psk
SELECT id, value, thumbprint FROM main.seal_credential_data
WHERE type = 'psk' AND id > ?1 ORDER BY id LIMIT 1
-- name: reseal_key
SELECT id, private, kid FROM main.seal_registrar_key WHERE id > ?1 ORDER BY id LIMIT 1
-- name: reseal_record
SELECT r.id, r.key_info, {{record_identity}}
FROM main.seal_key_record_data AS r
JOIN main.seal_configuration_service AS s ON s.id = r.service
JOIN main.seal_configuration_data AS c ON c.id = s.configuration
WHERE r.id > ?1 ORDER BY r.id LIMIT 1

-- name: reseal_answer
SELECT id, response, message_id FROM main.seal_message_data
WHERE typeof(response) = 'blob' AND id > ?1 ORDER BY id LIMIT 1

-- ?1 row id ?2 the value, sealed again
-- name: reseal_psk_set
UPDATE main.seal_credential_data SET value = ?2 WHERE id = ?1
-- name: reseal_key_set
UPDATE main.seal_registrar_key SET private = ?2 WHERE id = ?1
-- name: reseal_record_set
UPDATE main.seal_key_record_data SET key_info = ?2 WHERE id = ?1

-- name: reseal_answer_set
UPDATE main.seal_message_data SET response = ?2 WHERE id = ?1

-- What a key record is sealed to: the row's identity, each part with its length.
-- fragment: record_identity
(length(c.conf_id) || ':' || c.conf_id || length(s.val_service_id) || ':' || s.val_service_id
  || coalesce('u' || r.val_user_id, 'e' || r.val_ue_id, 'c' || r.client_id, 's'))

-- name: registrar_skms_uri
SELECT skms_uri FROM main.seal_registrar_data WHERE id = 1
