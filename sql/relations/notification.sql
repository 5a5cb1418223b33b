-- seal_notification: one row for each thing that a VAL server is to be told, written in the transaction that makes it so
-- (registrar/ledger/notification.c). Who delivers updates the last three columns, and nobody any other. val_server is the
-- VAL server's row id, which is never given again; txn the number of the transaction: what one act does to many
-- configurations is told once.
-- relation: notification e
-- column: seq             count key derived read-only lookup  "the number of the notification, without gaps"
-- column: time            instant read-only                   "the instant of the act, or of the command notice"
-- column: val_server_id   id read-only                        "who is told"
-- column: destination     url read-only                       "where: its notification_destination, followed until it is delivered"
-- column: event           text read-only                      "VALIDITY_CHANGED, VALIDITY_ENDING, ENDED, SUSPENDED, RESUMED, TERMINATED, CREDENTIAL_ENDING, CREDENTIAL_REVOKED, QUOTA_NEAR, QUOTA_REACHED"
-- column: object          text read-only                      "what it is about: seal_agreement:sla-7"
-- column: detail          json read-only                      "JSON object: what the VAL server needs to know of it"
-- column: due_time        instant read-only                   "when it is to be delivered first: the act's time, or the instant at which a notice became due"
-- column: delivered_time  instant                             "when it was delivered; NULL: not yet"
-- column: attempts        count not-null                      "how often it was tried to deliver it"
-- column: last_error      text                                "why the last attempt failed"

-- seal_notification_cause remembers of which end a VAL server was told by the command notice: of its configurations
-- (credential '') or of a credential, how many seconds before (0: that it has ended). The sweep forgets those that lie
-- as far back as notice looks. The upgrade from format 1 makes both before the relation is there.
-- name: create_notification
CREATE TABLE IF NOT EXISTS main.seal_notification_data(
  seq INTEGER PRIMARY KEY,
  time INTEGER NOT NULL,
  val_server INTEGER NOT NULL,
  val_server_id TEXT NOT NULL,
  destination TEXT NOT NULL,
  event TEXT NOT NULL,
  object TEXT NOT NULL,
  detail TEXT NOT NULL,
  due_time INTEGER NOT NULL,
  delivered_time INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  txn INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS main.seal_notification_due ON seal_notification_data(due_time) WHERE delivered_time IS NULL;
CREATE INDEX IF NOT EXISTS main.seal_notification_val_server ON seal_notification_data(val_server, txn);
CREATE TABLE IF NOT EXISTS main.seal_notification_cause(
  val_server INTEGER NOT NULL,
  credential TEXT NOT NULL,
  until INTEGER NOT NULL,
  lead INTEGER NOT NULL,
  PRIMARY KEY (val_server, credential, until, lead)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS main.seal_notification_until ON seal_notification_cause(until);

-- name: drop_notification
DROP TABLE main.seal_notification_data;
DROP TABLE main.seal_notification_cause;

-- name: view_notification
SELECT e.seq AS id, {{notification_view}} FROM main.seal_notification_data AS e

-- ?1 seq ?2 delivered_time ?3 attempts ?4 last_error
-- name: notification_update
UPDATE main.seal_notification_data SET delivered_time = ?2, attempts = ?3, last_error = ?4 WHERE seq = ?1
