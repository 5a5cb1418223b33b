-- What an SLA says, and who asks.

-- No statement here sorts or takes out what is double where it runs once for each message: SQLite opens
-- a temporary b-tree for that, which costs as much as ten look-ups.

-- The term that covers a VAL service under the agreement a: the exact one before '*'.
-- ?2 seal_service ?3 val_service_id
-- fragment: term_of
coalesce(
  (SELECT id FROM main.seal_term_data
    WHERE agreement = a.id AND seal_service = ?2 AND val_service_id = ?3),
  (SELECT id FROM main.seal_term_data
    WHERE agreement = a.id AND seal_service = ?2 AND val_service_id = '*'))

-- What an agreement a and a term t of VAL server v say, and the term's counters u.
-- fragment: authorize_columns
a.id AS agreement, a.status, a.start_time AS start, a.stop_time AS stop, v.status AS server_status,
  v.exp_time AS server_exp, t.id AS term, t.start_time AS term_start, t.stop_time AS term_stop,
  t.max_identities, t.max_key_records, t.max_validity, t.key_formats, t.scopes,
  t.allowed_invocation_time_ranges AS ranges, t.allowed_invocations_per_second AS rate,
  t.allowed_total_invocations AS total, coalesce(u.invocations, 0) AS invocations,
  coalesce(u.bucket_time, {{never}}) AS bucket_time, coalesce(u.bucket_spent, 0) AS bucket_spent,
  a.agreement_id, t.val_service_id AS term_service

-- The agreement of a VAL server, and the term that covers a VAL service: the exact one before '*'.
-- ?1 VAL server ?2 seal_service ?3 val_service_id
-- name: authorize_term
SELECT {{authorize_columns}}
FROM main.seal_val_server_data AS v
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
LEFT JOIN main.seal_term_data AS t ON t.id = {{term_of}}
LEFT JOIN main.seal_term_use AS u ON u.term = t.id
WHERE v.id = ?1

-- The term of an act that names no VAL service: '*', if it holds; else of those that have started the one that
-- holds the longest, then by name, in the order of an index; else any, which says why not.
-- ?1 VAL server ?2 seal_service ?3 at
-- fragment: any_term
coalesce(
  (SELECT id FROM main.seal_term_data
    WHERE agreement = v.agreement AND seal_service = ?2 AND val_service_id = '*'
      AND coalesce(start_time, -1e18) <= ?3 AND coalesce(stop_time, {{forever}}) > ?3),
  (SELECT id FROM main.seal_term_data
    WHERE agreement = v.agreement AND seal_service = ?2 AND +coalesce(start_time, -1e18) <= ?3
    ORDER BY coalesce(stop_time, {{forever}}) DESC, val_service_id LIMIT 1),
  (SELECT id FROM main.seal_term_data WHERE agreement = v.agreement AND seal_service = ?2
    ORDER BY coalesce(stop_time, {{forever}}) DESC, val_service_id LIMIT 1))

-- name: authorize_term_any
SELECT {{any_term}} AS term FROM main.seal_val_server_data AS v WHERE v.id = ?1

-- The same as authorize_term for a message that names no VAL service.
-- ?1 VAL server ?2 seal_service ?3 at
-- name: authorize_use
SELECT {{authorize_columns}}
FROM main.seal_val_server_data AS v
JOIN main.seal_agreement_data AS a ON a.id = v.agreement
LEFT JOIN main.seal_term_data AS t ON t.id = {{any_term}}
LEFT JOIN main.seal_term_use AS u ON u.term = t.id
WHERE v.id = ?1

-- What is held under a term at an instant: the term's total, less what ended by itself, less what
-- hangs on a VAL server that ended. What has ended is swept, so that both are short.
-- ?1 term ?2 at ?3 agreement
-- name: authorize_held
SELECT u.identities - coalesce(sum(e.identities), 0) AS identities,
  u.key_records - coalesce(sum(e.key_records), 0) AS key_records
FROM main.seal_term_use AS u
LEFT JOIN (
  SELECT h.identities, h.key_records FROM main.seal_term_held AS h
  WHERE h.term = ?1 AND h.until <= ?2
  UNION ALL
  SELECT h.identities, h.key_records
  FROM (SELECT id FROM main.seal_val_server_data
      WHERE agreement = ?3 AND status = 'terminated'
    UNION ALL SELECT id FROM main.seal_val_server_data
      WHERE agreement = ?3 AND exp_time <= ?2 AND status <> 'terminated') AS d
  CROSS JOIN main.seal_term_held AS h ON h.val_server = d.id AND h.term = ?1 AND h.until > ?2
) AS e
WHERE u.term = ?1

-- ?1 term ?2 identities ?3 key records, all more than before
-- name: term_use_add
INSERT INTO main.seal_term_use(term, identities, key_records) VALUES (?1, ?2, ?3)
ON CONFLICT DO UPDATE SET identities = identities + ?2, key_records = key_records + ?3

-- One answered invocation: it counts, takes a token from the bucket, and brings what is held by it.
-- ?1 term ?2 at ?3 identities ?4 key records, all more than before
-- name: term_use_invoke
INSERT INTO main.seal_term_use(term, identities, key_records, invocations, bucket_time, bucket_spent)
VALUES (?1, ?3, ?4, 1, ?2, 1)
ON CONFLICT DO UPDATE SET identities = identities + ?3, key_records = key_records + ?4,
  invocations = invocations + 1, {{bucket_take}}

-- A refused one: where there is a rate, it takes a token.
-- name: term_use_refuse
INSERT INTO main.seal_term_use(term, identities, key_records, invocations, bucket_time, bucket_spent)
SELECT ?1, 0, 0, 0, ?2, 1 FROM main.seal_term_data
WHERE id = ?1 AND allowed_invocations_per_second IS NOT NULL
ON CONFLICT DO UPDATE SET {{bucket_take}}

-- A bucket of another second is full: also of one that is still to come, as a clock that went ahead leaves it.
-- fragment: bucket_take
bucket_spent = CASE WHEN ?2 = bucket_time THEN bucket_spent + 1 ELSE 1 END, bucket_time = ?2

-- What a VAL server has asked of the token endpoint.
-- ?1 VAL server
-- name: token_rate
SELECT bucket_time, bucket_spent FROM main.seal_val_server_rate WHERE val_server = ?1

-- ?1 VAL server ?2 at
-- name: token_rate_take
INSERT INTO main.seal_val_server_rate(val_server, bucket_time, bucket_spent) VALUES (?1, ?2, 1)
ON CONFLICT DO UPDATE SET {{bucket_take}}

-- ?1 term ?2 until ?3 VAL server ?4 identities ?5 key records
-- name: term_held_add
INSERT INTO main.seal_term_held(term, until, val_server, identities, key_records)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO UPDATE SET identities = identities + ?4, key_records = key_records + ?5

-- ?1 term ?2 until ?3 VAL server
-- name: term_held_clean
DELETE FROM main.seal_term_held
WHERE term = ?1 AND until = ?2 AND val_server = ?3 AND identities = 0 AND key_records = 0

-- Opens a read transaction as long as it stands on its row.
-- name: snapshot
SELECT 1 FROM main.seal_registrar_data

-- name: authenticate_registrar
SELECT identifier, clock_time, restored_time FROM main.seal_registrar_data WHERE id = 1

-- name: registrar_api_root
SELECT api_root FROM main.seal_registrar_data WHERE id = 1

-- ?1 the host's clock
-- name: clock_advance
UPDATE main.seal_registrar_data SET clock_time = ?1 WHERE id = 1

-- ?1 val_server_id
-- name: authenticate_val_server
SELECT id, status, exp_time, registered FROM main.seal_val_server_data WHERE val_server_id = ?1

-- ?1 seal_server_id
-- name: authenticate_seal_server
SELECT id, seal_service, status, jwk FROM main.seal_server_data WHERE seal_server_id = ?1

-- The keys of a VAL server that may verify its token, the one that the token names first.
-- ?1 VAL server ?2 kid ?3 1: secrets
-- name: authenticate_keys
SELECT w.id, w.value, w.start_time, w.exp_time, w.status, w.type,
  {{credential_identity}} AS identity,
  w.credential_id
FROM main.seal_credential_data AS w JOIN main.seal_val_server_data AS v ON v.id = w.val_server
WHERE w.val_server = ?1 AND w.type = iif(?3, 'psk', 'jwk')
ORDER BY w.credential_id = ?2 DESC, w.thumbprint = ?2 DESC, w.status = 'active' DESC, w.id

-- ?1 thumbprint
-- name: authenticate_certificate
SELECT w.id, w.value, w.start_time, w.exp_time, w.status, v.val_server_id
FROM main.seal_credential_data AS w JOIN main.seal_val_server_data AS v ON v.id = w.val_server
WHERE w.thumbprint = ?1 AND w.type = 'x509'

-- ?1 at ?2 iss
-- name: authenticate_issuer
SELECT value, id FROM main.seal_anchor_data
WHERE iss = ?2 AND type = 'issuer' AND status = 'active' AND coalesce(exp_time, {{forever}}) > ?1

-- ?1 at
-- name: authenticate_capif
SELECT value, id FROM main.seal_anchor_data
WHERE type = 'capif' AND status = 'active' AND coalesce(exp_time, {{forever}}) > ?1 ORDER BY id

-- Which CAs, intermediates and CRLs are active: what was parsed of them is good as long as this text stays the same.
-- ?1 at
-- name: anchor_ids
SELECT group_concat(id || '.' || generation) AS ids
FROM (SELECT id, generation FROM main.seal_anchor_data
  WHERE type IN ('ca', 'intermediate', 'crl') AND status = 'active' AND coalesce(exp_time, {{forever}}) > ?1 ORDER BY id)

-- Of an issuer's CRLs the one with the highest number counts (decimal text, of any length).
-- ?1 at ?2 type; 'any': every certificate that may have issued a CRL
-- name: anchor_values
SELECT a.value FROM main.seal_anchor_data AS a
WHERE (a.type = ?2 OR ?2 = 'any' AND a.type IN ('ca', 'intermediate')) AND a.status = 'active' AND coalesce(a.exp_time, {{forever}}) > ?1
  AND NOT EXISTS (SELECT 1 FROM main.seal_anchor_data AS b
    WHERE b.type = ?2 AND b.subject = a.subject AND b.status = 'active'
      AND coalesce(b.exp_time, {{forever}}) > ?1
      AND (length(b.crl_number), b.crl_number) > (length(a.crl_number), a.crl_number))
ORDER BY a.id

-- The numbers of the CRLs that are stored for an issuer, whatever became of them.
-- ?1 issuer
-- name: anchor_numbers
SELECT crl_number FROM main.seal_anchor_data WHERE type = 'crl' AND subject = ?1

-- The public keys whose tokens may still be about.
-- ?1 at
-- name: signing_jwks
SELECT '{"keys":[' || group_concat(public) || ']}' AS jwks
FROM (SELECT public FROM main.seal_registrar_key
  WHERE retired_time IS NULL OR until > ?1 ORDER BY id DESC LIMIT 64)

-- ?1 iss ?2 jti ?3 until ?4 transaction ?5 digest of the message, NULL: rows
-- name: replay_insert
INSERT INTO main.seal_credential_replay(iss, jti, until, txn, message) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT DO NOTHING

-- ?1 iss ?2 jti
-- name: replay_find
SELECT txn, message FROM main.seal_credential_replay WHERE iss = ?1 AND jti = ?2

-- Until when a SEAL server must serve a user or UE of a VAL service: for each valid provisioning of
-- the id, its end within the term that grants the SEAL service; the latest of those.
-- ?1 at ?2 seal_service ?3 val_service_id ?4 VAL user or UE ID ?5 digest of both
-- name: serves_identity
SELECT max(min({{until_configuration}}, coalesce(t.stop_time, {{forever}}))) AS until
FROM (SELECT id, service FROM main.seal_identity_data WHERE val_user_id = ?4
  UNION ALL SELECT id, service FROM main.seal_identity_data WHERE val_ue_id = ?4
  UNION ALL SELECT id, service FROM main.seal_server_member WHERE digest = ?5) AS i
CROSS JOIN main.seal_configuration_service AS s ON s.id = i.service
CROSS JOIN main.seal_configuration_data AS c ON c.id = s.configuration
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
CROSS JOIN main.seal_term_data AS t ON t.id = {{term_of}}
WHERE s.val_service_id = ?3 AND {{valid_configuration}}
  AND coalesce(t.start_time, -1e18) <= ?1 AND coalesce(t.stop_time, {{forever}}) > ?1

-- Which VAL services somebody has, from which VAL server and until when. How often a VAL server holds him is its own affair:
-- it counts as one, so that nobody makes an answer too large by what he repeats.
-- ?1 at ?2 seal_service ?3 VAL services, each between two U+001F; NULL: all ?4 at most ?5 val_user_id ?6 val_ue_id
-- name: served_one
SELECT i.val_user_id, i.val_ue_id, s.val_service_id, v.val_server_id, v.end_pt,
  max(min({{until_configuration}}, coalesce(t.stop_time, {{forever}}))) AS until, 1 AS n
FROM (SELECT val_user_id, val_ue_id, service FROM main.seal_identity_data WHERE val_user_id = ?5
  UNION ALL SELECT val_user_id, val_ue_id, service FROM main.seal_identity_data WHERE val_ue_id = ?6) AS i
CROSS JOIN main.seal_configuration_service AS s ON s.id = i.service
{{served_from}}
GROUP BY s.val_service_id, v.val_server_id ORDER BY s.val_service_id, v.val_server_id LIMIT ?4

-- The same for everybody: as many identities as are asked for, and then in order.
-- ?1 at ?2 seal_service ?3 VAL services, each between two U+001F; NULL: all ?4 at most
-- name: served_all
SELECT val_user_id, val_ue_id, val_service_id, val_server_id, end_pt, max(until) AS until, count(*) AS n
FROM (SELECT i.val_user_id, i.val_ue_id, s.val_service_id, v.val_server_id, v.end_pt,
    min({{until_configuration}}, coalesce(t.stop_time, {{forever}})) AS until
  FROM main.seal_configuration_service AS s
  {{served_from}}
  CROSS JOIN main.seal_identity_data AS i ON i.id BETWEEN (s.id << 28) AND (s.id << 28) + 268435455
  LIMIT ?4)
GROUP BY val_user_id, val_ue_id, val_service_id, val_server_id
ORDER BY val_user_id, val_ue_id, val_service_id, val_server_id

-- A configuration's VAL service s, where it is valid and some term grants the SEAL service ?2 for it.
-- fragment: served_from
CROSS JOIN main.seal_configuration_data AS c ON c.id = s.configuration
  AND c.seal_service = 'identity-management' AND (?3 IS NULL OR instr(?3, char(31) || s.val_service_id || char(31)))
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement AND {{valid_configuration}}
CROSS JOIN main.seal_term_data AS t ON coalesce(t.start_time, -1e18) <= ?1 AND coalesce(t.stop_time, {{forever}}) > ?1
  AND t.id = coalesce(
    (SELECT id FROM main.seal_term_data
      WHERE agreement = a.id AND seal_service = ?2 AND val_service_id = s.val_service_id),
    (SELECT id FROM main.seal_term_data WHERE agreement = a.id AND seal_service = ?2 AND val_service_id = '*'))

-- Until when the key parameters of a VAL service hold.
-- ?1 at ?2 val_service_id
-- name: serves_key
SELECT max({{until_configuration}}) AS until
FROM main.seal_configuration_service AS s
CROSS JOIN main.seal_configuration_data AS c ON c.id = s.configuration
CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
WHERE s.val_service_id = ?2 AND c.seal_service = 'key-management' AND {{valid_configuration}}
