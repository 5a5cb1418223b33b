-- Before rows are stored (provision.sh): what the VAL server has already of the VAL services that the file names is no
-- row any more, and neither is what the file has twice; what it has besides is in `besides`, for --replace. What
-- the credential proves says whose they are.
CREATE TEMP TABLE named AS SELECT DISTINCT coalesce(val_service_id, :val_service_id) AS val_service_id FROM input.rows;
CREATE TEMP TABLE stored AS
SELECT i.rowid AS id, i.val_service_id, i.val_user_id, i.val_ue_id
FROM named CROSS JOIN seal_identity AS i ON i.val_service_id = named.val_service_id
WHERE i.val_server_id = :val_server_id AND i.at = coalesce(:at, unixepoch());
CREATE INDEX temp.stored_name ON stored(val_service_id, val_user_id, val_ue_id);
CREATE TEMP TABLE todo AS
SELECT min(n) AS n FROM input.rows AS r
WHERE NOT EXISTS (SELECT 1 FROM stored AS s WHERE s.val_service_id = coalesce(r.val_service_id, :val_service_id)
  AND s.val_user_id IS r.val_user_id AND s.val_ue_id IS r.val_ue_id)
GROUP BY coalesce(val_service_id, :val_service_id), val_user_id, val_ue_id;
CREATE INDEX input.rows_name ON rows(coalesce(val_service_id, ''), val_user_id, val_ue_id);
CREATE TEMP TABLE besides AS
SELECT id FROM stored AS s WHERE NOT EXISTS (SELECT 1 FROM input.rows AS r
  WHERE coalesce(r.val_service_id, '') IN ('', s.val_service_id)
    AND s.val_service_id = coalesce(r.val_service_id, :val_service_id)
    AND r.val_user_id IS s.val_user_id AND r.val_ue_id IS s.val_ue_id);
DELETE FROM input.rows WHERE n NOT IN (SELECT n FROM todo);
