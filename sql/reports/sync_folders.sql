-- Where `seal sync` puts the bundles of each active SEAL server (:own NULL), or where this database's own
-- are (:own 1): the id in hexadecimal, and a folder's name, in which every byte but letters, digits, '_',
-- '-' and an inner '.' is %XX.
WITH RECURSIVE who(id) AS (
  SELECT seal_server_id FROM seal_server WHERE :own IS NULL AND status = 'active'
  UNION ALL
  SELECT identifier FROM seal_registrar WHERE :own = 1
), byte(id, i, name) AS (
  SELECT CAST(id AS BLOB), 1, '' FROM who
  UNION ALL
  SELECT id, i + 1, name || CASE
    WHEN hex(substr(id, i, 1)) BETWEEN '30' AND '39' OR hex(substr(id, i, 1)) BETWEEN '41' AND '5A'
      OR hex(substr(id, i, 1)) BETWEEN '61' AND '7A' OR hex(substr(id, i, 1)) IN ('2D', '5F')
      OR (hex(substr(id, i, 1)) = '2E' AND i > 1)
    THEN CAST(substr(id, i, 1) AS TEXT) ELSE '%' || hex(substr(id, i, 1)) END
  FROM byte WHERE i <= length(id)
)
SELECT hex(id), name FROM byte WHERE i = length(id) + 1 ORDER BY id;
