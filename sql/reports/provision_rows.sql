-- What was read, looked at as a whole (provision.sh): an empty field is none, digits are seconds since 1970, empty rows
-- go. Gives how many rows there are, the last one's number, whether there are keys, whether identities, and the first
-- row that names neither one user nor one UE (0: none); how many rows were empty, and the first of them.
UPDATE rows SET (val_service_id, val_user_id, val_ue_id, key_format, scope, conf_id, exp_time) =
  (nullif(val_service_id, ''), nullif(val_user_id, ''), nullif(val_ue_id, ''),
   nullif(key_format, ''), nullif(scope, ''), nullif(conf_id, ''),
   CASE WHEN exp_time GLOB '*[^0-9]*' OR length(exp_time) > 18 THEN exp_time
     ELSE CAST(nullif(exp_time, '') AS INTEGER) END);
CREATE TEMP TABLE empty AS SELECT n FROM rows
WHERE coalesce(val_service_id, val_user_id, val_ue_id, key_format, scope, conf_id, exp_time) IS NULL;
DELETE FROM rows WHERE n IN (SELECT n FROM empty);
SELECT count(*), coalesce(max(n), 0), count(key_format) > 0, count(val_user_id) + count(val_ue_id) > 0,
  coalesce(min(n) FILTER (WHERE (val_user_id IS NULL) = (val_ue_id IS NULL)), 0),
  (SELECT count(*) FROM empty), (SELECT coalesce(min(n), 0) FROM empty)
FROM rows;
