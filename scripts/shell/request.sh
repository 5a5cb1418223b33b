# shellcheck shell=sh
# One message of the 3GPP face, from a file.
#
#   seal request post.json --credential token.jwt

help_request() {
  cat <<'T'
usage: seal request FILE [--credential FILE] [--message-id ID] [--at INSTANT]

Handles one message of TS 29.549 and prints the answer, both JSON:

  {"method": "POST", "uri": "/ss-ipp/v1/configurations",
   "authorization": "Bearer eyJ...", "body": {...}}

  --credential FILE    a token, a token response, a PEM chain, or JSON with
                       both; it takes the place of the request's own
  --message-id ID      the same id with the same request changes nothing and
                       gets the same answer (default: made of the request)

Exit 1 when the status is 400 or more: the cause, and each faulty place, is on
stderr.

Example:
  seal request post.json --credential token.jwt
T
}

seal_request() {
  take 'credential=text-file message_id=id at=instant' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which file?"
  bind_kind request text-file "$ARG1"
  {
    # The request becomes a parameter too: sqlite3 keeps those in memory.
    cat <<'T'
REPLACE INTO temp.sqlite_parameters VALUES (':request', CAST(readfile(:request) AS TEXT));
T
    ! given credential || {
      cat <<'T'
REPLACE INTO temp.sqlite_parameters
SELECT ':request', json_patch(:request, CASE substr(c, 1, 1)
    WHEN '{' THEN c
    WHEN '-' THEN json_object('clientCertificate', c, 'authorization', NULL)
    ELSE json_object('authorization', 'Bearer ' || c, 'clientCertificate', NULL) END)
T
      printf 'FROM (SELECT %s AS c)\nWHERE json_valid(:request);\n' "$(credential_sql)"
    }
    cat <<'T'
REPLACE INTO temp.sqlite_parameters
VALUES (':message_id', coalesce(:message_id, 'seal-' || lower(hex(sha3(:request, 256)))));
INSERT INTO seal_message(message_id, request, at) VALUES (:message_id, :request, :at);
.mode list
SELECT response FROM seal_message WHERE message_id = :message_id;
CREATE TEMP TABLE answer AS SELECT status, response FROM seal_message WHERE message_id = :message_id;
.output /dev/null
T
    report_sql refusal
  } | sql write
  out <"$WORK/out"
  [ ! -s "$WORK/refusal" ] || refuse_message ""
}
