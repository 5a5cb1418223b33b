-- How much of each kind is valid now: before an act and after it, what goes with it.
SELECT 1 AS n, 'agreement' AS one, 'agreements' AS many, (SELECT count(*) FROM seal_agreement) AS valid
UNION ALL SELECT 2, 'term', 'terms', (SELECT count(*) FROM seal_term)
UNION ALL SELECT 3, 'VAL server', 'VAL servers', (SELECT count(*) FROM seal_val_server)
UNION ALL SELECT 4, 'credential', 'credentials', (SELECT count(*) FROM seal_credential)
UNION ALL SELECT 5, 'anchor', 'anchors', (SELECT count(*) FROM seal_anchor)
UNION ALL SELECT 6, 'SEAL server', 'SEAL servers', (SELECT count(*) FROM seal_server)
UNION ALL SELECT 7, 'policy', 'policies', (SELECT count(*) FROM seal_policy)
UNION ALL SELECT 8, 'configuration', 'configurations', (SELECT count(*) FROM seal_configuration)
UNION ALL SELECT 9, 'identity', 'identities', (SELECT count(*) FROM seal_identity)
UNION ALL SELECT 10, 'VAL service''s keys', 'VAL services'' keys', (SELECT count(*) FROM seal_key)
UNION ALL SELECT 11, 'key record', 'key records', (SELECT count(*) FROM seal_key_record)
