-- What the views of relations share (view_term in sql/relations/term.sql, …). A view is the relation as a query on
-- its storage: the columns in their declared order after the row id; ?1 is the instant asked for, NULL = every
-- stored row. The hidden columns (credential, at) are not in storage and not there. An instant is given as an
-- integer; module.c writes it as text.

-- The frame that module.c fills in: columns, view, constraints, order.
-- name: view_frame
SELECT %s FROM (%s) WHERE 1%s%s

-- The frame for a row that was read before: its values.
-- name: view_kept
SELECT %s

-- What a connection remembers, ?2, a JSON array, one item a row: by SQLite's functions, as no statement of ours may
-- use a virtual table (json_each).
-- fragment: remembered
remembered(n, value) AS (
  SELECT 0, ?2->0 WHERE json_array_length(?2) > 0
  UNION ALL
  SELECT n + 1, ?2->(n + 1) FROM remembered WHERE n + 1 < json_array_length(?2))

-- Until when nothing bounds: the largest integer.
-- fragment: forever
9223372036854775807

-- Since when nothing bounds: the first instant that there is.
-- fragment: never
-62167219200

-- Valid at ?1 by its own start_time and stop_time.
-- fragment: valid_window
(?1 IS NULL OR (coalesce(w.start_time, -1e18) <= ?1 AND coalesce(w.stop_time, {{forever}}) > ?1))

-- Valid at ?1 by its own start_time and exp_time.
-- fragment: valid_exp
(?1 IS NULL OR (coalesce(w.start_time, -1e18) <= ?1 AND coalesce(w.exp_time, {{forever}}) > ?1))

-- The configuration c of VAL server v under agreement a is valid at ?1: its own end, the VAL
-- server's end and status, the agreement's window and status, every term's window; at a SEAL server also
-- what its last bundle allows.
-- fragment: valid_configuration
(c.until > ?1 AND {{serves_until}} > ?1
  AND v.status = 'active' AND coalesce(v.exp_time, {{forever}}) > ?1
  AND a.status = 'active'
  AND coalesce(a.start_time, -1e18) <= ?1 AND coalesce(a.stop_time, {{forever}}) > ?1
  AND NOT EXISTS (SELECT 1 FROM main.seal_configuration_service AS cs
    JOIN main.seal_term_data AS ct ON ct.id = cs.term
    WHERE cs.configuration = c.id
      AND (coalesce(ct.start_time, -1e18) > ?1 OR coalesce(ct.stop_time, {{forever}}) <= ?1)))

-- At a SEAL server: until when it serves without another bundle. A registrar's own rows have no such end. It hangs on no
-- row, and so is read once for each run of a statement.
-- fragment: serves_until
(SELECT coalesce(bundle_until, {{forever}}) FROM main.seal_registrar_data WHERE id = 1)

-- Until when it is valid: the earliest of those ends, {{forever}} when there is none.
-- fragment: until_configuration
min(c.until, {{serves_until}}, coalesce(v.exp_time, {{forever}}), coalesce(a.stop_time, {{forever}}),
  (SELECT coalesce(min(coalesce(ct.stop_time, {{forever}})), {{forever}})
   FROM main.seal_configuration_service AS cs JOIN main.seal_term_data AS ct ON ct.id = cs.term
   WHERE cs.configuration = c.id))
