-- seal_change: one row per changed object, what bundles are made of.
-- `hash` is the audit chain's when the change was written: with it two histories differ that go on alike.
-- relation: change e
-- column: seq           count read-only lookup  "the number of the change, without gaps"
-- column: time          instant read-only       "the instant of the change"
-- column: seal_service  service read-only       "whose it is; NULL: everyone's"
-- column: object        text read-only          "seal_term:sla-7/identity-management/v2x"
-- column: operation     text read-only          "insert, update, delete, or a method"

-- name: create_change
CREATE TABLE main.seal_change_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  seal_service TEXT,
  object TEXT NOT NULL,
  operation TEXT NOT NULL,
  hash BLOB
);

-- name: drop_change
DROP TABLE main.seal_change_data;

-- name: view_change
SELECT e.seq AS id, {{change_view}} FROM main.seal_change_data AS e
