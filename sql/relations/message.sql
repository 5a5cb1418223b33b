-- seal_message: INSERT handles a message, SELECT reads its answer. A message_id is its requester's; only what changed
-- something is kept.
-- relation: message
-- column: message_id  id key                     "the idempotency key: the same id with the same request changes nothing and gets the first answer"
-- column: requester   id read-only               "who sent it; NULL: nobody known"
-- column: request     value required write-only  "JSON; never stored, only its digest"
-- column: status      count read-only            "the status of the answer"
-- column: response    text read-only virtual     "JSON: the answer"
-- column: at          instant hidden             "the clock: another instant that is asked for; NULL: every stored row"

-- name: create_message
CREATE TABLE main.seal_message_data(
  id INTEGER PRIMARY KEY,
  requester TEXT NOT NULL,
  message_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  time INTEGER NOT NULL,
  status INTEGER NOT NULL,
  response TEXT,
  UNIQUE (message_id, requester)
);
CREATE INDEX main.seal_message_time ON seal_message_data(time);

-- name: drop_message
DROP TABLE main.seal_message_data;

-- What this connection remembers (?2, a JSON array of [id, stored row or 0, status, message_id, requester])
-- stands before what is stored under the same message_id. The request is stored nowhere.
-- name: view_message
SELECT r.value->>0 AS id, r.value->>3 AS message_id, r.value->>4 AS requester, NULL AS request,
  r.value->>2 AS status, m.response
FROM json_each(?2) AS r LEFT JOIN main.seal_message_data AS m
  ON m.id = r.value->>1 AND m.message_id = r.value->>3 AND m.requester = r.value->>4
UNION ALL
SELECT m.id, m.message_id, m.requester, NULL, m.status, m.response FROM main.seal_message_data AS m
WHERE m.message_id NOT IN (SELECT n.value->>3 FROM json_each(?2) AS n)
