# shellcheck shell=sh
# What leaves by HTTP, for notify push, charging push and sync: how curl is started, and what became of it.
#
#   tls_options                       --ca, --certificate and --private-key, in $WORK/tls
#   deliver any                       POSTs in order what $WORK/config.N says, each N on the input
#   outcome N                         what became of each of them
#
# curl reads everything from files (-K): neither a secret nor a body stands on a command line. It follows no redirect, asks
# no proxy, and stops at the first request of a file that fails. (With a redirect to a place it ends, as none may be
# followed; so what comes after is not sent.)

# How long a POST may take, in seconds; how many files at once; after how many seconds nothing more is begun.
# shellcheck disable=SC2034 # for who delivers
DELIVER_EACH=15
DELIVER_AT_ONCE=8
# shellcheck disable=SC2034
DELIVER_SECONDS=50

# bind_common SECONDS: the lines that each request has, for :common, and how long it may take.
bind_common() {
  bind common "silent
show-error
globoff
path-as-is
proto = \"=http,https\"
noproxy = \"*\"
connect-timeout = 5
max-time = $1
user-agent = \"seal\"
header = \"Expect:\"
$(cat "$WORK/tls")
"
}

# Those of a POST of JSON that is not answered with more than a status, for :post.
bind_post() {
  bind post 'fail
fail-early
location
max-redirs = 0
header = "Content-Type: application/json"
output = "/dev/null"
write-out = "%{http_code}\n"
'
}

# tls_options: as PATH_ca, PATH_certificate and PATH_private_key say, which `take` has set.
# shellcheck disable=SC2034 # for who delivers
TLS='ca=path certificate=path private_key=path'
tls_options() {
  command -v curl >/dev/null 2>&1 || fail "the program curl is missing"
  : >"$WORK/tls"
  # shellcheck disable=SC2154 # `take` sets them
  if given ca; then tls_line cacert "$(input_file "$PATH_ca")"; fi
  # shellcheck disable=SC2154
  if given certificate; then
    given private_key || wrong "--certificate needs --private-key"
    tls_line cert "$(input_file "$PATH_certificate")"
    tls_line key "$(key_file "$PATH_private_key")"
  elif given private_key; then
    wrong "--private-key needs --certificate"
  fi
}

tls_line() {
  [ -n "$2" ] || exit 3
  case $2 in
    *'
'*) fail "a file's name has a line break" ;;
  esac
  printf '%s = "%s"\n' "$1" "$(printf '%s' "$2" | sed 's/[\\"]/\\&/g')" >>"$WORK/tls"
}

# alone NAME: one such command at a time on a database; another one is at work already: this one has nothing to do. What a
# killed one leaves running holds the lock as well, so that nothing is sent by two at a time.
alone() {
  [ -f "$DB" ] || fail "there is no database $DB (seal init makes one)"
  lock=$DB-$1.lock
  # Whoever may write the database may hold its lock.
  [ -e "$lock" ] || { : >>"$lock" && chmod --reference="$DB" -- "$lock"; } 2>/dev/null || :
  [ -w "$lock" ] || fail "cannot write $lock"
  exec 9>>"$lock"
  flock -n 9 || {
    note "another one is at work"
    exit 0
  }
}

# deliver HOW: the files that are named on the input, some at a time (any), or one after the other up to the first that
# fails (order). codes.N has the status of each request that was made, curl.N how curl ended; there is neither of what
# was not begun.
deliver() {
  rm -f "$WORK"/codes.* "$WORK"/curl.*
  many=$DELIVER_AT_ONCE
  [ "$1" = any ] || many=1
  # shellcheck disable=SC2016 # of the inner shell
  (cd "$WORK" && xargs -r -P "$many" -n 1 sh -c '[ "$(date +%s)" -lt "$1" ] || exit 0
    code=0
    curl -q -K "config.$3" >"codes.$3" 2>/dev/null || code=$?
    echo "$code" >"curl.$3"
    [ "$code" -eq 0 ] || [ "$2" = any ] || exit 255' sh "$DELIVER_UNTIL" "$1" 2>/dev/null) || :
}

# outcome N GOOD: for each request that was made, "ok", or why it failed: "answer: ..." or "way: ..."; GOOD is a pattern of
# good statuses.
outcome() {
  [ -f "$WORK/curl.$1" ] || return 0
  awk -v good="$2" -v ended="$(cat "$WORK/curl.$1")" '
    BEGIN {
      why[6] = "its name is not known"
      why[7] = "it takes no connection"
      why[28] = "it took too long"
      why[35] = "there is no TLS with it"
      why[52] = "it ended the connection without an answer"
      why[58] = "our certificate can not be used"
      why[60] = "its certificate is not trusted"
    }
    { code[NR] = $1 }
    END {
      for (i = 1; i <= NR || i == 1; i++) {
        last = i >= NR && ended != 0
        if (code[i] ~ /^30[12378]$/) print "answer: it answered " code[i] ": redirects are not followed"
        else if (code[i] ~ /^[1-9]/ && code[i] !~ good) print "answer: it answered " code[i]
        else if (last) print "way: " ((ended in why) ? why[ended] : "curl ended with " ended)
        else if (code[i] ~ good) print "ok"
      }
    }' "$WORK/codes.$1"
}
