# shellcheck shell=sh
# SEAL servers and what they are told: bundle, apply, sync.
#
#   seal --key seal.key sync --to /srv/seal           at the registrar
#   seal --db sims.db sync --from /srv/seal           at a SEAL server
#   seal --db sims.db sync --from https://registrar.example/seal
#
# The folder of a SEAL server in /srv/seal:
#
#   1794268800-9f3c….jws   bundles; each name stands for one content for good
#   index                  a line for each, in order: its name, from where, to where ("-": a full copy)
#   ack                    where the SEAL server is; the next sync at the registrar goes on from there

# shellcheck source=scripts/shell/deliver.sh
. "$LIBRARY/deliver.sh"

help_bundle() {
  cat <<'T'
usage: seal --key FILE bundle SEAL-SERVER-ID [OUTPUT] [--since PLACE]
                              [--at INSTANT]

Prints, or writes to the file OUTPUT, a signed bundle of what the SEAL server is
to know. PLACE is where it is: `at` of its last apply. Without it: a full copy.
A bundle has about 1 MiB; when it says "more", apply it and ask again.

Example:
  seal --key seal.key bundle sims-1 sims-1.jws
T
}

seal_bundle() {
  take 'since=text at=instant' "$@"
  case $ARGC in
    1 | 2) bind seal_server_id "$ARG1" ;;
    *) wrong "which SEAL server?" ;;
  esac
  [ "$ARGC" -eq 1 ] || no_loss "$ARG2"
  write_bundle
  if [ "$ARGC" -eq 1 ]; then
    { cat "$WORK/bundle" && echo; } | out
  else
    put_over bundle "$ARG2"
    note "$ARG2 is written"
  fi
}

# The bundle for :seal_server_id after :since, in $WORK/bundle.
write_bundle() {
  printf '%s\n' '.output /dev/null' \
    "SELECT writefile('bundle', seal_bundle(:seal_server_id, :since, :at));" | sql read
}

help_apply() {
  cat <<'T'
usage: seal [--key FILE] apply BUNDLE [--at INSTANT]

Applies a bundle to this database, a SEAL server's own: all of it, or nothing.
It has to come next: a gap is refused, and says from where to ask. --key is
needed where key records come with it. The database is a SEAL server's: `seal
init --seal-server ID --registrar-jwks FILE` makes it.

Example:
  seal --db sims.db apply sims-1.jws
T
}

seal_apply() {
  take 'at=instant' "$@"
  [ "$ARGC" -eq 1 ] || wrong "which bundle?"
  bind_kind bundle file "$ARG1"
  {
    apply_sql
    untold_sql
    modes line
    echo "SELECT json_extract(result, '\$.applied') AS applied, json_extract(result, '\$.at') AS at,
      json_extract(result, '\$.more') AS more, json_extract(result, '\$.objects') AS objects
      FROM seal_command WHERE command = 'apply' LIMIT 1;"
  } | sql write
  say_untold
  show
}

# What a bundle could not tell, a line each: "untold" and the name.
untold_sql() {
  printf '%s\n' '.mode list' '.once untold' "SELECT u.value
    FROM (SELECT result FROM seal_command WHERE command = 'apply' LIMIT 1) AS c,
      json_each(c.result, '\$.untold') AS u;"
}

say_untold() {
  [ -f "$WORK/untold" ] || return 0
  while IFS= read -r object; do
    say "$COMMAND: $object: it is larger than a bundle, or a part of it; nothing else is left out"
  done <"$WORK/untold"
}

apply_sql() {
  echo "INSERT INTO seal_command(command, argument, at)
    VALUES ('apply', rtrim(CAST(readfile(:bundle) AS TEXT), char(10, 13)), :at);"
}

help_sync() {
  cat <<'T'
usage: seal --key FILE sync --to FOLDER [--full] [--at INSTANT]
       seal [--key FILE] sync --from FOLDER-OR-URL [--at INSTANT]
       seal [--key FILE] sync --from https://HOST[:PORT] [--ca FILE]
                              [--certificate FILE --private-key FILE]
                              [--at INSTANT]

--to, at the registrar: writes what each active SEAL server does not know yet
into FOLDER/SEAL-SERVER-ID, as bundles and their index, and takes away what it
has acknowledged there. --full starts again with a full copy; after a restore of
the registrar, or of a SEAL server, sync does so by itself.

--from, at a SEAL server: applies what is there for it (seal_registrar's
identifier says who it is), in order, and acknowledges it in the folder. From an
http or https URL with a path it is fetched with curl, and nothing is
acknowledged; then the registrar keeps every bundle until a sync --full.

--from https://HOST[:PORT], without a path: the registrar itself is asked, for
bundle after bundle, until there is no more; asking acknowledges. It proves
itself with a token that its own key signs (--key), or with --certificate and
--private-key, PEM. --ca: certificates of the CAs that the registrar is trusted
by. A refusal is shown with its cause, and ends it.

Run one sync on a folder at a time. What is in it is signed, but not secret to
who can read it, but for key records: files are readable by their owner only.

Example:
  seal --key seal.key sync --to /srv/seal
  seal --db sims.db sync --from /srv/seal
  seal --db sims.db --key sims.key sync --from https://registrar.example
T
}

seal_sync() {
  PATH_to=
  PATH_from=
  PATH_ca=
  PATH_certificate=
  PATH_private_key=
  take "to=path from=path full=flag at=instant $TLS" "$@"
  [ "$ARGC" -eq 0 ] || wrong "sync takes options only"
  if given to && given from; then wrong "--to or --from?"; fi
  : >"$WORK/synced"
  echo "SELECT EXISTS (SELECT 1 FROM seal_anchor WHERE type = 'registrar' AND at IS NULL);" | sql read
  case $(cat "$WORK/out"):$(! given to || printf to)$(! given from || printf from) in
    1:to) refuse "$DB is a SEAL server's: it takes bundles (sync --from), the registrar makes them" ;;
    0:from) refuse "$DB is no SEAL server's: it makes bundles (sync --to), a SEAL server takes them" ;;
  esac
  if given to; then
    sync_to "${PATH_to%/}"
  elif given from; then
    if given full; then wrong "--full is the registrar's"; fi
    case ${PATH_from%/} in
      http://*/* | https://*/*) sync_from "${PATH_from%/}" ;;
      http://* | https://*) sync_door "${PATH_from%/}" ;;
      *) sync_from "${PATH_from%/}" ;;
    esac
  else
    wrong "--to or --from?"
  fi
  show_synced
}

# What was done, a line for each SEAL server: folder, how many bundles, to where. Names and places need
# no quoting.
show_synced() {
  case $FORMAT in
    json)
      awk 'BEGIN { printf "[" }
        { printf "%s{\"folder\":\"%s\",\"bundles\":%s,\"at\":\"%s\"}", mark, $1, $2, $3; mark = ",\n" }
        END { print "]" }' "$WORK/synced"
      ;;
    csv) awk 'BEGIN { print "folder,bundles,at" } { print $1 "," $2 "," $3 }' "$WORK/synced" ;;
    *) awk '{ printf "%s: %s bundle%s, at %s\n", $1, $2, $2 == 1 ? "" : "s", $3 }' "$WORK/synced" ;;
  esac | out
}

# A folder that is synced belongs to two, and each may put into it what the other should not touch: so a file
# there is a plain one or none, links are not followed, and what is written is a new file that takes its name.
SYNC_MAX=16777216 # bytes of a bundle, and of an index

# plain_or_none PATH: what stands there is a plain file, or nothing.
plain_or_none() {
  if [ -L "$1" ] || { [ -e "$1" ] && ! [ -f "$1" ]; }; then
    fail "$1 is no plain file: it is not touched"
  fi
}

# read_plain PATH FILE: copies a plain file, not more than SYNC_MAX bytes of it.
read_plain() {
  plain_or_none "$1"
  [ -f "$1" ] || fail "cannot read the file $1"
  echo 1 >"$WORK/code"
  { dd if="$1" iflag=nofollow,nonblock bs=65536 status=none && echo 0 >"$WORK/code"; } 2>/dev/null |
    head -c $((SYNC_MAX + 1)) >"$2"
  [ "$(wc -c <"$2")" -le "$SYNC_MAX" ] || fail "$1 is larger than $SYNC_MAX bytes"
  [ "$(cat "$WORK/code")" -eq 0 ] || fail "cannot read the file $1"
}

# A place from a file: "-" where the SEAL server has nothing yet; empty when the file is not there, or
# holds no place.
read_place() {
  plain_or_none "$1"
  [ -f "$1" ] || return 0
  read_plain "$1" "$WORK/place"
  place=$(head -c 200 "$WORK/place")
  case $place in
    -) printf '%s' - ;;
    *[!0-9a-z.]* | '') ;;
    *) printf '%s' "$place" ;;
  esac
}

# replace_file PATH: what is on the input takes the place of a file, at once.
replace_file() {
  plain_or_none "$1"
  new=$(mktemp -u -- "${1%/*}/.new.XXXXXXXXXX" 2>/dev/null) || fail "cannot write $1"
  # With -C a file that is there, or a link, is not written to.
  { (set -C && cat >"$new") && mv -fT -- "$new" "$1"; } 2>/dev/null || {
    rm -f -- "$new"
    fail "cannot write $1"
  }
}

# --- At the registrar ------------------------------------------------------------------------

sync_to() {
  [ -d "$1" ] || fail "there is no folder $1"
  root=$(absolute "$1")
  report_sql sync_folders | sql read
  cp "$WORK/out" "$WORK/servers"
  worst=0
  while IFS='|' read -r hex name; do
    # One that fails does not keep the others from being told.
    set +e
    (
      set -e
      sync_server "$hex" "$root/$name" "$name"
    )
    code=$?
    set -e
    [ "$code" -le "$worst" ] || worst=$code
  done <"$WORK/servers"
  [ "$worst" -eq 0 ] || {
    show_synced
    exit "$worst"
  }
}

# sync_server HEX FOLDER NAME
sync_server() {
  [ ! -L "$2" ] || fail "$2 is a link: it is not followed"
  mkdir -p -- "$2" 2>/dev/null || fail "cannot make the folder $2"
  rm -f -- "$2"/.new.*
  plain_or_none "$2/index"
  : >"$WORK/index"
  [ ! -f "$2/index" ] || read_plain "$2/index" "$WORK/index"
  printf "REPLACE INTO temp.sqlite_parameters VALUES (':seal_server_id', CAST(x'%s' AS TEXT));\n" \
    "$1" >>"$WORK/parameters"
  ack=$(read_place "$2/ack") || exit $?
  unbind ack
  [ -z "$ack" ] || bind ack "$ack"
  tidy_index "$2" sync_cut
  acknowledge "$(cat "$WORK/acked")"
  place=$(cat "$WORK/place")
  n=0
  more=1
  while [ "$more" -eq 1 ]; do
    next_bundle
    look_into_bundle
    IFS='|' read -r to more objects iat until <"$WORK/out"
    say_untold
    # What has no change is told where it moves the end that the bundle before gave.
    [ "$objects" -gt 0 ] || [ "$place" = - ] || [ "$more" -eq 1 ] || [ -n "$until" ] || break
    n=$((n + 1))
    file=$iat-$(sha256sum <"$WORK/bundle" | cut -c 1-16).jws
    replace_file "$2/$file" <"$WORK/bundle"
    printf '%s %s %s\n' "$file" "$place" "$to" >>"$WORK/index"
    replace_file "$2/index" <"$WORK/index"
    place=$to
  done
  [ "$n" -eq 0 ] || tidy_index "$2"
  printf '%s %s %s\n' "$3" "$n" "$place" >>"$WORK/synced"
}

# unbind NAME: the parameter is NULL again, whatever the SEAL server before had.
unbind() {
  echo "DELETE FROM temp.sqlite_parameters WHERE key = ':$1';" >>"$WORK/parameters"
}

# tidy_index FOLDER [REPORT]: a report on the index of a folder, in $WORK/index; then both are what it says, bundles too.
tidy_index() {
  (cd "$1" && printf '%s\n' *.jws) >"$WORK/there"
  {
    echo '.output /dev/null'
    report_sql sync_index
    [ $# -eq 1 ] || report_sql "$2"
    report_sql sync_tidy
  } | sql none
  replace_file "$1/index" <"$WORK/index"
  (cd "$1" && xargs rm -f --) <"$WORK/drop"
}

# acknowledge NUMBER: the last change that the SEAL server has, if it is one.
acknowledge() {
  case $1 in
    '' | *[!0-9]* | ???????????????????*) return ;;
  esac
  bind_kind acked count "$1"
  echo 'UPDATE seal_server SET acked = :acked
    WHERE seal_server_id = :seal_server_id AND at IS NULL AND acked IS NOT :acked;' | sql write
}

# The bundle after $place. From a place of another history, as after a restore, it is a full copy.
next_bundle() {
  if [ "$place" != - ]; then
    bind since "$place"
    code=0
    (write_bundle) 2>"$WORK/why" || code=$?
    [ "$code" -ne 0 ] || return 0
    # Only a place that is none of this history is answered with a full copy.
    case $code:$(cat "$WORK/why") in
      1:*SEALED* | 1:*'is not an instant'* | [!1]:*)
        clean <"$WORK/why" >&2
        exit "$code"
        ;;
    esac
    note "$(sed 's/^seal: //; q' "$WORK/why"): so a full copy comes next"
    place=-
  fi
  unbind since
  write_bundle
}

# What the payload of $WORK/bundle says: to, more, how many objects, iat, until; in $WORK/untold, what could not be
# told.
look_into_bundle() {
  cut -d . -f 2 "$WORK/bundle" | tr -- '-_' '+/' | tr -d '\n' >"$WORK/base64"
  case $(($(wc -c <"$WORK/base64") % 4)) in
    2) printf '==' >>"$WORK/base64" ;;
    3) printf '=' >>"$WORK/base64" ;;
  esac
  base64 -d <"$WORK/base64" >"$WORK/payload" || fail "the bundle has no payload"
  {
    echo '.once untold'
    echo "SELECT json_extract(value, '\$.object')
      FROM json_each(CAST(readfile('payload') AS TEXT), '\$.objects')
      WHERE json_extract(value, '\$.untold') > 0;"
    echo "SELECT json_extract(p, '\$.to'), json_extract(p, '\$.more'),
      json_array_length(p, '\$.objects'), json_extract(p, '\$.iat'), json_extract(p, '\$.until')
      FROM (SELECT CAST(readfile('payload') AS TEXT) AS p);"
  } | sql read
}

# --- At a SEAL server ------------------------------------------------------------------------

# fetch SOURCE NAME FILE: a file of the own folder.
fetch() {
  case $1 in
    http://* | https://*)
      command -v curl >/dev/null 2>&1 || fail "the program curl is missing"
      # Not all web servers say before how long a file is: curl's own limit would hold for those alone.
      echo 1 >"$WORK/code"
      {
        curl --fail --silent --show-error --proto '=http,https' --connect-timeout 10 --max-time 600 \
          -- "$1/$2" 2>"$WORK/curl" && echo 0 >"$WORK/code"
      } | head -c $((SYNC_MAX + 1)) >"$3"
      [ "$(wc -c <"$3")" -le "$SYNC_MAX" ] || fail "$1/$2 is larger than $SYNC_MAX bytes"
      [ "$(cat "$WORK/code")" -eq 0 ] || fail "cannot fetch $1/$2: $(head -n 1 "$WORK/curl")"
      ;;
    *) read_plain "$1/$2" "$3" ;;
  esac
}

sync_from() {
  bind own 1 INTEGER
  report_sql sync_folders | sql read
  IFS='|' read -r hex name <"$WORK/out"
  case $1 in
    http://* | https://*) source=$1/$(printf '%s' "$name" | sed 's/%/%25/g') ;;
    *) source=$(absolute "$1")/$name ;;
  esac
  fetch "$source" index "$WORK/index"
  {
    printf '%s\n' '.mode list' '.separator " "' '.output /dev/null'
    report_sql sync_index
    report_sql sync_next
  } | sql read
  place=$(cat "$WORK/place")
  bind bundle bundle
  n=0
  while read -r file to; do
    case $file in
      gap)
        send_ack "$source" "$place"
        refuse "MODIFICATION_NOT_ALLOWED: there is a gap after $place: the registrar's next sync fills it"
        ;;
      */* | .* | *[!0-9a-z.-]*) fail "the index names a file $file" ;;
    esac
    [ "$n" -eq 0 ] || note "bundle $n applied, now at $last"
    fetch "$source" "$file" "$WORK/bundle"
    {
      apply_sql
      untold_sql
    } | sql write
    say_untold
    n=$((n + 1))
    last=$to
  done <"$WORK/todo"
  own_place
  send_ack "$source" "$place"
  printf '%s %s %s\n' "$name" "$n" "$place" >>"$WORK/synced"
}

# Sets $place: where this database is, "-" where nothing was applied yet.
own_place() {
  echo "SELECT coalesce(applied, '-') FROM seal_registrar;" | sql read
  place=$(cat "$WORK/out")
}

# send_ack SOURCE PLACE: where the registrar sees it, if there is such a place.
send_ack() {
  case $1 in
    http://* | https://*) ;;
    *) printf '%s\n' "$2" | replace_file "$1/ack" ;;
  esac
}

# --- From the registrar itself ---------------------------------------------------------------

# sync_door URL
sync_door() {
  tls_options
  bind url "$1/seal-bundles/v1/bundles"
  bind_common 600
  bind own 1 INTEGER
  report_sql sync_folders | sql read
  IFS='|' read -r hex name <"$WORK/out"
  bind bundle bundle
  full=0
  n=0
  while :; do
    own_place
    ask_door
    case $status in
      200) [ "$n" -eq 0 ] || note "bundle $n applied, now at $place" ;;
      204) break ;;
      *)
        door_refused "$1"
        continue
        ;;
    esac
    full=0
    {
      apply_sql
      untold_sql
      echo "SELECT json_extract(result, '\$.more'), json_extract(result, '\$.objects')
        FROM seal_command WHERE command = 'apply' LIMIT 1;"
    } | sql write
    IFS='|' read -r more objects <"$WORK/out"
    say_untold
    n=$((n + 1))
    own_place
    # One without a change moves the end up to which this server may serve.
    [ "$more" -ne 0 ] || [ "$objects" -gt 0 ] || break
  done
  printf '%s %s %s\n' "$name" "$n" "$place" >>"$WORK/synced"
}

# Asks for what comes after $place, or with $full for all of it: $status, and the answer's body in $WORK/bundle.
ask_door() {
  since=
  [ "$full" -eq 1 ] || [ "$place" = - ] || since="?since=$place"
  bind since "$since"
  access="read"
  {
    token="''"
    if ! given certificate; then
      access="write"
      echo "INSERT INTO seal_command(command, argument, at) VALUES ('assertion', '{\"ttl\":60}', :at);"
      token="(SELECT 'header = \"Authorization: Bearer ' || result || '\"' || char(10)
        FROM seal_command WHERE command = 'assertion' LIMIT 1)"
    fi
    printf '%s\n' '.output /dev/null' "SELECT writefile('config', :common || $token || 'url = \"' || :url || :since || '\"'
      || char(10) || 'write-out = \"%{stderr}%{http_code}\n\"' || char(10));"
  } >"$WORK/ask"
  sql "$access" <"$WORK/ask"
  rm -f "$WORK/code"
  {
    code=0
    curl -q -K "$WORK/config" 2>"$WORK/curl" || code=$?
    echo "$code" >"$WORK/code"
  } | head -c $((SYNC_MAX + 1)) >"$WORK/bundle"
  rm -f "$WORK/config"
  [ "$(wc -c <"$WORK/bundle")" -le "$SYNC_MAX" ] || fail "the answer of $PATH_from is larger than $SYNC_MAX bytes"
  [ "$(cat "$WORK/code")" -eq 0 ] || fail "cannot ask $PATH_from: $(grep -m 1 '^curl' "$WORK/curl")"
  status=$(tail -n 1 "$WORK/curl")
}

# door_refused URL: a place of another history is answered with a full copy; anything else is shown, and ends it.
door_refused() {
  printf '%s\n' '.mode list' "SELECT coalesce(json_extract(a, '\$.cause'), ''), coalesce(json_extract(a, '\$.detail'), '')
    FROM (SELECT iif(json_valid(CAST(readfile('bundle') AS TEXT)), CAST(readfile('bundle') AS TEXT), '{}') AS a);" | sql none
  IFS='|' read -r cause detail <"$WORK/out" || :
  case $full:$place:$cause in
    1:* | *:-:*) ;;
    *:MODIFICATION_NOT_ALLOWED | *:OPTIONAL_QUERY_PARAM_INCORRECT)
      note "$cause: $detail: so a full copy comes next"
      full=1
      return
      ;;
  esac
  case $status in
    4*) refuse "$1 answered $status${cause:+ $cause}${detail:+: $detail}" ;;
    3*) fail "$1 answered $status: redirects are not followed" ;;
    *) fail "$1 answered $status${cause:+ $cause}${detail:+: $detail}" ;;
  esac
}
