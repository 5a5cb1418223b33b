-- What the HTTPS door runs (ext/host/engine.c), on connections of its own. All but `message` and `command` read alone.

-- Answers go out after COMMIT, so a COMMIT has to last. What a transaction gathers stays in memory, also when it is large.
-- name: settings
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -65536;
PRAGMA temp_store = MEMORY;

-- ?1 the key of the secrets
-- name: unlock
SELECT seal_unlock(?1) AS unlocked

-- name: sealed
SELECT sealed FROM seal_registrar

-- name: begin
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: rollback
ROLLBACK

-- ?1 message_id ?2 method ?3 uri ?4 authorization ?5 client_certificate ?6 content_type ?7 accept ?8 traceparent ?9 body
-- name: message
INSERT INTO seal_message(message_id, method, uri, authorization, client_certificate, content_type, accept, traceparent, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)

-- name: answer
SELECT response FROM seal_message WHERE message_id = ?1

-- ?1 command ?2 argument
-- name: command
INSERT INTO seal_command(command, argument) VALUES (?1, ?2)

-- The last one of this connection.
-- name: command_result
SELECT result FROM seal_command ORDER BY rowid DESC LIMIT 1

-- Whether a charging system or a VAL server is to be told something.
-- name: pending
SELECT EXISTS (SELECT 1 FROM seal_notifying WHERE state = 'due') AS notifications, charged < (SELECT coalesce(max(seq), 0) FROM seal_charge) AS charges
FROM seal_registrar
