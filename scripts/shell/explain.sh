# shellcheck shell=sh
# What the SLA would answer, check by check.
#
#   seal explain v2x.acme.example identity-management --val-service-id v2x --identities 2000

help_explain() {
  cat <<'T'
usage: seal explain VAL-SERVER-ID SEAL-SERVICE [--val-service-id ID]
                    [--identities N] [--key-records N] [--key-format FORMAT]
                    [--scope SCOPE] [--exp-time INSTANT] [--at INSTANT]

What the SLA answers to this VAL server now (or --at an instant), and each check
that limits something: its limit, its use, what is asked, and the verdict.
Nothing is changed, counted or charged. Exit 1 if it would be refused.

Example:
  seal explain v2x.acme.example identity-management --val-service-id v2x
T
}

seal_explain() {
  take 'val_service_id=text identities=number key_records=number key_format=text scope=text exp_time=instant at=instant' "$@"
  [ "$ARGC" -eq 2 ] || wrong "which VAL server, and which SEAL service?"
  bind val_server_id "$ARG1"
  bind seal_service "$ARG2"
  {
    echo "INSERT INTO seal_command(command, argument, at) VALUES ('explain-authorization', json_patch('{}', json_object(
      'val_server_id', :val_server_id, 'seal_service', :seal_service, 'val_service_id', :val_service_id,
      'identities', :identities, 'key_records', :key_records, 'key_format', :key_format, 'scope', :scope,
      'exp_time', :exp_time)), :at);"
    printf '%s\n' '.output /dev/null'
    echo "SELECT writefile('refusal', (result ->> 'cause') || ': ' || (result ->> 'detail'))
      FROM (SELECT result FROM seal_command WHERE command = 'explain-authorization' LIMIT 1) WHERE result ->> 'verdict' <> 'granted';"
    modes table 'check verdict cause detail limit use asked'
    report_sql explain
  } | sql write
  show
  [ ! -s "$WORK/refusal" ] || refuse "$(cat "$WORK/refusal")"
}
