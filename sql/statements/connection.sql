-- What a connection asks of itself.

-- Whether this connection has the extension already.
-- name: loaded
SELECT seal_version()
-- name: not_loaded
SELECT 1

-- Makes SQLite connect a virtual table of ours: cached statements then have an owner that SQLite lets go
-- of before it closes the connection.
-- name: enter
SELECT 1 FROM main.seal_registrar LIMIT 0

-- The format of the database, in two steps: before the registrar is made there is no table to ask.
-- name: format_there
SELECT 1 AS there FROM main.sqlite_schema WHERE type = 'table' AND name = 'seal_registrar_data'
-- name: format_stored
SELECT format FROM main.seal_registrar_data WHERE id = 1
