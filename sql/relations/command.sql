-- seal_command: INSERT runs a command, SELECT shows the results that this connection remembers: no storage.
-- relation: command
-- column: command   text required           "the name of the command"
-- column: argument  value virtual           "as the command asks for; of rekey and issue-token it is not shown again"
-- column: result    text read-only virtual  "what the command gave"
-- column: at        instant hidden          "the clock: another instant that is asked for; NULL: every stored row"

-- name: create_command
SELECT 1;

-- name: drop_command
SELECT 1;

-- The results that this connection remembers, newest first: ?2 is a JSON array of objects.
-- name: view_command
WITH {{remembered}}
SELECT r.value->>'seq' AS id, r.value->>'command' AS command, NULL AS argument, NULL AS result
FROM remembered AS r
