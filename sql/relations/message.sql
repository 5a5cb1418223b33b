-- seal_message: INSERT handles a message, SELECT reads its answer. A message_id is its requester's; only what changed
-- something is kept. A request comes as an envelope, or in parts.
-- relation: message
-- column: message_id          id key                     "the idempotency key: the same id with the same request changes nothing and gets the first outcome"
-- column: requester           id read-only               "who sent it; NULL: nobody known"
-- column: request             value write-only           "the envelope, JSON; never stored, only its digest"
-- column: status              count read-only            "the status of the answer"
-- column: response            text read-only virtual     "JSON: the answer"
-- column: method              text hidden write-only     "of a request in parts: GET, POST, PUT, PATCH, DELETE"
-- column: uri                 text hidden write-only     "its path and query"
-- column: authorization       text hidden write-only     "Bearer and a token"
-- column: client_certificate  text hidden write-only     "PEM, leaf first: from the TLS layer alone"
-- column: content_type        text hidden write-only     "the body's media type"
-- column: accept              text hidden write-only     "media types that are accepted"
-- column: traceparent         text hidden write-only     "W3C Trace Context: kept in the audit's detail"
-- column: body                value hidden write-only    "the body, as it came: text or a blob"
-- column: at                  instant hidden             "the clock: another instant that is asked for; NULL: every stored row"

-- Of the outcome: headers as a JSON object; the body as JSON text where it is short, or a blob where it is sealed;
-- a longer one is that of the configuration conf_id, read again.
-- name: create_message
CREATE TABLE main.seal_message_data(
  id INTEGER PRIMARY KEY,
  val_server INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  digest BLOB NOT NULL,
  time INTEGER NOT NULL,
  status INTEGER NOT NULL,
  headers TEXT NOT NULL,
  body TEXT,
  conf_id TEXT,
  UNIQUE (message_id, val_server)
);
CREATE INDEX main.seal_message_time ON seal_message_data(time);

-- name: drop_message
DROP TABLE main.seal_message_data;

-- What this connection remembers (?2, a JSON array of [id, status, message_id, requester]) stands before what is
-- stored under the same message_id. The request is stored nowhere. Who asks for one message has one item at most, and
-- is spared the table that a recursion makes: the first item stands by itself.
-- name: view_message
WITH {{remembered}}
SELECT r.value->>0 AS id, r.value->>2 AS message_id, r.value->>3 AS requester, NULL AS request,
  r.value->>1 AS status, NULL AS response
FROM (SELECT ?2->0 AS value WHERE json_array_length(?2) > 0) AS r
UNION ALL
SELECT r.value->>0, r.value->>2, r.value->>3, NULL, r.value->>1, NULL
FROM remembered AS r WHERE r.n > 0 AND json_array_length(?2) > 1
UNION ALL
SELECT m.id, m.message_id, 'val:' || v.val_server_id, NULL, m.status, NULL
FROM main.seal_message_data AS m CROSS JOIN main.seal_val_server_data AS v ON v.id = m.val_server
WHERE m.message_id IS NOT ?2->0->>2
  AND (json_array_length(?2) < 2 OR m.message_id NOT IN (SELECT n.value->>2 FROM remembered AS n))

-- ?1 message_id ?2 VAL server ?3 kept after this instant
-- name: message_find
SELECT id, digest, status FROM main.seal_message_data
WHERE message_id = ?1 AND val_server = ?2 AND time > ?3

-- It takes the place of one that is kept no more.
-- ?1 message_id ?2 VAL server ?3 digest ?4 time ?5 status ?6 headers ?7 body ?8 conf_id
-- name: message_insert
INSERT OR REPLACE INTO main.seal_message_data(message_id, val_server, digest, time, status, headers,
  body, conf_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)

-- What is kept of one, and the configuration that its body is, if it is valid.
-- ?1 at ?2 row id
-- name: message_kept
SELECT m.message_id, m.val_server, m.status, m.headers, m.body,
  (SELECT c.id FROM main.seal_configuration_data AS c
   CROSS JOIN main.seal_val_server_data AS v ON v.id = c.val_server
   CROSS JOIN main.seal_agreement_data AS a ON a.id = v.agreement
   WHERE c.val_server = m.val_server AND c.conf_id = m.conf_id AND {{valid_configuration}}
  ) AS configuration
FROM main.seal_message_data AS m WHERE m.id = ?2
