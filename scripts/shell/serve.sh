# shellcheck shell=sh
# The HTTPS door: nginx (scripts/nginx) in front of seal-door, both of this user's, in a folder of their own.
#
#   seal serve start --self-signed localhost      a trial
#   seal serve stop
#
# The folder, by default beside the database, FILE.serve:
#
#   options                    what was given last, of each option: a variable of this shell's on each line
#   nginx.conf, door.options   what is made of them; a word of the door's on each line
#   tls.crt, tls.key           what --self-signed makes
#   door.sock                  where the door listens, and nginx calls it
#   door.log, nginx.log        a line for each request, and for each answer of nginx's own
#   door.err, error.log        what either says besides

help_serve() {
  cat <<'T'
usage: seal serve config [--folder FOLDER] [--listen ADDR:PORT]
                  [--certificate FILE --private-key FILE] [--self-signed NAME]
                  [--client-ca FILE] [--metrics-listen ADDR:PORT]
                  [--max-connections N] [--rate N] [--timer SECONDS]
                  [--charging URL]
       seal serve start [the same]
       seal serve reload [the same]
       seal serve stop [--folder FOLDER]
       seal serve status [--folder FOLDER]

The registrar by HTTPS, for an ordinary user: nginx ends TLS and limits, the
door behind it has the database. config writes what both run by into FOLDER
(FILE.serve beside the database), and checks it; what is not given stays as it
was, at first its default. start starts both, and waits until they answer;
reload has them read keys, certificates and configuration again and open their
logs anew, and waits too; with options, both do what config does first. stop
lets them finish what they have begun. status ends with 0 if they run and are
ready, with 3 if not.

  --listen ADDR:PORT   where VAL servers come in (127.0.0.1:8443); of all
                       addresses: [::]:443, of IPv4 alone: 0.0.0.0:443
  --certificate FILE   the host's certificate and its chain, PEM
  --private-key FILE   its key, PEM
  --self-signed NAME   for a trial: makes both for this host name or address
  --client-ca FILE     PEM: the CAs whose names clients are told (none)
  --metrics-listen A:P /metrics and /health without TLS, for the operator's own
                       network; a port of its own (none)
  --max-connections N  of one client's address at a time (256; 0: any)
  --rate N             requests of one address in a second (1000; 0: any)
  --timer SECONDS      the door's own timer for notices, charging records and
                       the sweep (60; 0: none)
  --charging URL       the charging system that its timer brings records to
                       (none)

Example:
  seal serve start --self-signed localhost
  seal serve config --listen 0.0.0.0:443 --certificate tls.crt --private-key k
T
}

seal_serve() {
  pick 'config start stop reload status' "$@" || wrong "serve config, start, stop, reload or status?"
  what=$1
  shift
  spec='folder=path'
  case $what in
    config | start | reload)
      spec="$spec listen=word certificate=path private_key=path self_signed=word client_ca=path metrics_listen=word
        max_connections=number:0-65535 rate=number:0-1000000 timer=number:0-86400 charging=word"
      ;;
  esac
  before=$GIVEN
  take "$(printf '%s' "$spec" | tr -s ' \n' ' ')" "$@"
  [ "$ARGC" -eq 0 ] || wrong "serve $what takes options only"
  FOLDER=$(absolute "${PATH_folder:-$DB.serve}")
  FOLDER=${FOLDER%/}
  plain_path "$FOLDER"
  [ "${#FOLDER}" -le 97 ] || fail "the path $FOLDER is too long for a socket: --folder names another one"
  # Whether there are options of the configuration.
  CONFIGURE=
  [ "$(printf '%s' "${GIVEN#"$before"}" | tr -d ' ')" = "$(given folder && printf folder)" ] || CONFIGURE=yes
  "serve_$what"
}

# What stands in a configuration of nginx's between quotes.
plain_path() {
  case $1 in
    *[\"\\\$\'\;\{\}]* | *[[:cntrl:]]*) wrong "\"$1\" has a quote, a \$, a ; or the like: not in a path of nginx's" ;;
  esac
}

nginx_program() {
  NGINX=$(PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin command -v nginx) || fail "the program nginx is missing (Debian: nginx)"
  command -v curl >/dev/null 2>&1 || fail "the program curl is missing"
}

# --- The configuration -----------------------------------------------------------------------

# An address and a port, as nginx and curl take it.
listen_address() {
  case $1 in
    *[!0-9A-Za-z.:\[\]-]* | :* | *: | *:*[!0-9]) wrong "$2: \"$1\" is not ADDR:PORT" ;;
    *.*:* | \[*\]:* | localhost:*) ;;
    *) wrong "$2: \"$1\" is not ADDR:PORT" ;;
  esac
  case ${1##*:} in
    ??????* | *[!0-9]* | '') wrong "$2: \"$1\" is not ADDR:PORT" ;;
  esac
}

serve_config() {
  nginx_program
  CONFIGURE=yes
  make_folder
  settle
  printf '%s\n' "$FOLDER/nginx.conf" | clean | out
}

# Nobody else's, and nobody else looks into it: tls.key is there, and the socket by which the door believes nginx.
make_folder() {
  [ -f "$DB" ] || fail "there is no database $DB ($SEAL init makes one)"
  [ -d "$FOLDER" ] || mkdir -- "$FOLDER" 2>/dev/null || fail "cannot make the folder $FOLDER"
  own_folder
  : >"$FOLDER/nowhere" || fail "cannot write into $FOLDER"
  lock_folder
}

own_folder() {
  [ -O "$FOLDER" ] || fail "the folder $FOLDER is another user's"
  case $(stat -L -c %a -- "$FOLDER") in
    *00) ;;
    *) fail "others than its owner may look into the folder $FOLDER (chmod 700)" ;;
  esac
}

# What both run by: what is given now, else what was; all of it is checked before anything is written.
settle() {
  template=${LIBRARY%/*}/nginx/nginx.conf.in
  [ -f "$template" ] || fail "there is no file $template"
  [ -f "$FOLDER/nginx.conf" ] || CONFIGURE=yes
  rm -f -- "$FOLDER"/*.new
  mkdir -- "$WORK/was"
  for name in nginx.conf door.options options tls.crt tls.key; do
    [ ! -f "$FOLDER/$name" ] || cp -- "$FOLDER/$name" "$WORK/was/$name"
  done
  load_options
  listen=${PATH_listen:-127.0.0.1:8443}
  listen_address "$listen" --listen
  [ -z "${PATH_metrics_listen-}" ] || {
    listen_address "$PATH_metrics_listen" --metrics-listen
    [ "${PATH_metrics_listen##*:}" != "${listen##*:}" ] || wrong "--metrics-listen: port ${listen##*:} is that of --listen"
  }
  certificate_files
  [ -z "${PATH_client_ca-}" ] || PATH_client_ca=$(input_file "$PATH_client_ca") || exit $?
  check_database
  if [ -n "$CONFIGURE" ]; then
    nginx_config "$template" >"$FOLDER/nginx.conf.new" || fail "cannot write $FOLDER/nginx.conf"
    check_config nginx.conf.new
  else
    check_config nginx.conf
  fi
  door_options >"$FOLDER/door.options.new" || fail "cannot write $FOLDER/door.options"
  kept_options >"$FOLDER/options.new" || fail "cannot write $FOLDER/options"
  for name in nginx.conf door.options options; do
    [ ! -f "$FOLDER/$name.new" ] || mv -f -- "$FOLDER/$name.new" "$FOLDER/$name"
  done
}

load_options() {
  if [ -f "$FOLDER/options" ]; then
    while IFS= read -r line; do
      name=${line%%=*}
      case $name in
        KEY) [ -n "$KEY" ] || KEY=${line#*=} ;;
        *_certificate | *_private_key | *_self_signed)
          given certificate || given private_key || given self_signed || eval "$name=\${line#*=}"
          ;;
        PATH_* | NUMBER_*) given "${name#*_}" || eval "$name=\${line#*=}" ;;
      esac
    done <"$FOLDER/options"
  fi
  for name in client_ca metrics_listen charging; do
    eval "[ \"\${PATH_$name-}\" != none ] || PATH_$name="
  done
}

kept_options() {
  for name in KEY PATH_listen PATH_certificate PATH_private_key PATH_self_signed PATH_client_ca PATH_metrics_listen \
    NUMBER_max_connections NUMBER_rate NUMBER_timer PATH_charging; do
    eval "value=\${$name-}"
    [ -z "$value" ] || printf '%s=%s\n' "$name" "$value"
  done
}

# The door opens it by this key, without saying much where it can't.
check_database() {
  [ -z "$KEY" ] || {
    case $KEY in
      "$WORK"/*) wrong "the door reads the key again when it is reloaded: --key names a file" ;;
    esac
    KEY=$(key_file "$KEY") || exit $?
  }
  echo 'SELECT 1;' | sql read
  # A group that shares it may have been chosen.
  case $(stat -L -c %a -- "$DB") in
    *0) ;;
    *) say "serve: others than its owner may read or write $DB (chmod 600)" ;;
  esac
}

# Sets CERTIFICATE and PRIVATE_KEY: those that are given, or those that are made for a trial.
certificate_files() {
  case ${PATH_certificate:+c}${PATH_private_key:+k}${PATH_self_signed:+s} in
    ck)
      PATH_certificate=$(input_file "$PATH_certificate") || exit $?
      PATH_private_key=$(key_file "$PATH_private_key") || exit $?
      CERTIFICATE=$PATH_certificate
      PRIVATE_KEY=$PATH_private_key
      ;;
    s)
      CERTIFICATE=$FOLDER/tls.crt
      PRIVATE_KEY=$FOLDER/tls.key
      if given self_signed || [ ! -f "$CERTIFICATE" ]; then self_signed "$PATH_self_signed"; fi
      ;;
    '') wrong "--certificate and --private-key? For a trial: --self-signed localhost" ;;
    *) wrong "either --certificate and --private-key, or --self-signed" ;;
  esac
  plain_path "$CERTIFICATE"
  plain_path "$PRIVATE_KEY"
  # nginx takes a key of another type than the certificate's, and then no handshake succeeds.
  openssl x509 -in "$CERTIFICATE" -noout -pubkey >"$WORK/public" 2>/dev/null || fail "$CERTIFICATE: there is no certificate in it"
  openssl pkey -in "$PRIVATE_KEY" -passin pass: -pubout >"$WORK/public.key" 2>/dev/null ||
    fail "$PRIVATE_KEY: there is no private key in it, or it is encrypted"
  cmp -s -- "$WORK/public" "$WORK/public.key" || fail "the private key $PRIVATE_KEY is not that of the certificate $CERTIFICATE"
}

# Makes tls.crt and tls.key for a year; the same name's that is there already is kept.
self_signed() {
  case $1 in
    *[!0-9A-Za-z.:-]* | '' | -*) wrong "--self-signed: \"$1\" is no host name or address" ;;
    *:*) name=IP:$1 ;;
    *[!0-9.]*) name=DNS:$1 ;;
    *) name=IP:$1 ;;
  esac
  [ ! -f "$CERTIFICATE" ] || ! openssl x509 -in "$CERTIFICATE" -noout -checkend 86400 -ext subjectAltName 2>/dev/null |
    sed 's/IP Address:/IP:/; s/^ *//' | grep -qxF -- "$name" || return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 365 -subj "/CN=$1" \
    -addext "subjectAltName=$name" -addext extendedKeyUsage=serverAuth -addext keyUsage=critical,digitalSignature \
    -addext basicConstraints=critical,CA:FALSE \
    -keyout "$PRIVATE_KEY" -out "$CERTIFICATE" 2>"$WORK/why" || fail "openssl: $(tail -n 1 "$WORK/why")"
}

# The door's command line, a word on each line.
door_options() {
  printf '%s\n' --db "$(readlink -f -- "$DB")" --socket "$FOLDER/door.sock" --log "$FOLDER/door.log"
  [ -z "$KEY" ] || printf '%s\n' --key "$KEY"
  printf '%s\n' --run "$(readlink -f -- "$0")"
  [ -z "${NUMBER_timer-}" ] || printf '%s\n' --timer "$NUMBER_timer"
  [ -z "${PATH_charging-}" ] || printf '%s\n' --charging "$PATH_charging"
}

# nginx_config TEMPLATE: prints it with each @NAME@ filled in; a line that is empty then goes.
nginx_config() {
  connections=${NUMBER_max_connections:-256}
  rate=${NUMBER_rate:-1000}
  zones=
  limits=
  [ "$connections" -eq 0 ] || {
    zones="limit_conn_zone \$binary_remote_addr zone=connections:10m;"
    limits="limit_conn connections $connections;"
  }
  [ "$rate" -eq 0 ] || {
    zones="$zones limit_req_zone \$binary_remote_addr zone=requests:10m rate=${rate}r/s; limit_req_status 429;"
    limits="$limits limit_req zone=requests burst=$rate nodelay;"
  }
  user=
  [ "$(id -u)" -ne 0 ] || user='user root root;'
  ca=
  [ -z "${PATH_client_ca-}" ] || {
    plain_path "$PATH_client_ca"
    ca="ssl_client_certificate \"$PATH_client_ca\";"
  }
  both=
  case $listen in
    '[::]:'*) both=' ipv6only=off' ;;
  esac
  # From 1.25.1 on it is a directive of its own.
  newer=$("$NGINX" -v 2>&1 | awk -F '[/.]' '{ print ($2 * 1000000 + $3 * 1000 + $4 >= 1025001) }')
  F_USER=$user F_FOLDER=$FOLDER F_LISTEN=$listen F_BOTH=$both F_CERTIFICATE=$CERTIFICATE F_PRIVATE_KEY=$PRIVATE_KEY \
    F_CLIENT_CA=$ca F_LIMIT_ZONES=${zones# } F_LIMITS=${limits# } F_METRICS=$(metrics_server) \
    F_HTTP2_LISTEN=$([ "$newer" = 1 ] || echo ' http2') F_HTTP2=$([ "$newer" != 1 ] || echo 'http2 on;') \
    awk '{
      line = ""
      filled = 0
      while (match($0, /@[A-Z0-9_]+@/)) {
        line = line substr($0, 1, RSTART - 1) ENVIRON["F_" substr($0, RSTART + 1, RLENGTH - 2)]
        $0 = substr($0, RSTART + RLENGTH)
        filled = 1
      }
      line = line $0
      if (!filled || line !~ /^ *$/) print line
    }' "$1"
}

# What Prometheus asks, and a balancer may: nothing else is answered there.
metrics_server() {
  [ -n "${PATH_metrics_listen-}" ] || return 0
  cat <<T
server {
    listen $PATH_metrics_listen;
    error_page 400 404 405 408 413 414 494 500 501 502 503 504 505 /.seal/problem;
    fastcgi_param REQUEST_METHOD \$request_method;
    fastcgi_param REQUEST_URI \$request_uri;
    fastcgi_param SEAL_LISTENER local;
    location = /metrics {
      fastcgi_pass door;
    }
    location = /health {
      fastcgi_pass door;
    }
    location / {
      return 404;
    }
    location = /.seal/problem {
      internal;
      client_max_body_size 0;
      return 200 \$seal_problem;
    }
  }
T
}

# check_config NAME: nginx's own word on the file.
check_config() {
  run_nginx "$1" -t -q || {
    put_back
    fail "nginx: $(nginx_says)"
  }
}

# What did not come to be leaves the folder as it was.
put_back() {
  for name in "$WORK/was"/*; do
    [ ! -f "$name" ] || cp -- "$name" "$FOLDER/"
  done
}

# run_nginx NAME OPTION...: what it says is in $WORK/nginx.
run_nginx() {
  config=$1
  shift
  "$NGINX" -p "$FOLDER/" -c "$FOLDER/$config" -e "$FOLDER/error.log" "$@" >"$WORK/nginx" 2>&1 </dev/null
}

nginx_says() {
  sed -n 's/^nginx: \[[a-z]*\] //p' "$WORK/nginx" | head -n 1
}

# --- The two processes -----------------------------------------------------------------------

# pid_of NAME: sets PID to the process in NAME.pid, if it is one of this folder's.
pid_of() {
  PID=$(cat "$FOLDER/$1.pid" 2>/dev/null) || return 1
  case $PID in
    *[!0-9]* | '') return 1 ;;
  esac
  # The number may be another process's by now.
  case $1:$(cat "/proc/$PID/comm" 2>/dev/null) in
    door:seal-door | nginx:nginx) ;;
    *) return 1 ;;
  esac
  tr '\000' ' ' 2>/dev/null <"/proc/$PID/cmdline" | grep -qF -- "$FOLDER/"
}

# within SECONDS COMMAND...: whether it succeeds in this time.
within() {
  tenths=$(($1 * 10))
  shift
  until "$@"; do
    [ "$tenths" -gt 0 ] || return 1
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

gone() {
  ! pid_of "$1"
}

# One at a time on a folder.
lock_folder() {
  exec 9>"$FOLDER/lock"
  flock -w 120 9 || fail "another seal serve is at work on $FOLDER"
}

# Sets ADDRESS, where clients come in, and URL: with the name that a certificate made for a trial has.
find_url() {
  ADDRESS=$(sed -n 's/^    listen \(.*\) ssl.*/\1/p' "$FOLDER/nginx.conf" 2>/dev/null) || :
  URL=https://$ADDRESS
  name=$(sed -n 's/^PATH_self_signed=//p' "$FOLDER/options" 2>/dev/null) || :
  case $name in
    '') ;;
    *:*) URL="https://[$name]:${ADDRESS##*:}" ;;
    *) URL=https://$name:${ADDRESS##*:} ;;
  esac
}

# What /health says, in HEALTH; whether that is "ready".
ready() {
  HEALTH=$(curl -qsk --noproxy '*' --max-time 10 "https://$ADDRESS/health" 2>/dev/null) || return 1
  case $HEALTH in
    *'"ready":true'*) ;;
    *) return 1 ;;
  esac
}

serve_start() {
  nginx_program
  # shellcheck disable=SC2153 # scripts/seal sets it
  [ -x "$DOOR" ] || fail "there is no program $DOOR (make door builds it; SEAL_DOOR may name it)"
  make_folder
  if pid_of door && pid_of nginx; then refuse "it runs already ($SEAL serve reload, or stop)"; fi
  settle
  find_url
  [ "$(id -u)" -ne 0 ] || say "serve: as root; better as a user of its own"
  # shellcheck disable=SC3045 # where a shell can't, there are fewer descriptors
  ulimit -n "$(ulimit -H -n)" 2>/dev/null || :
  # What of the two still runs, where the other one ended, goes on.
  started=
  pid_of door || start_door
  pid_of nginx || start_nginx
  await_ready
  told_url
}

await_ready() {
  within 10 ready || fail "it runs, but is not ready: ${HEALTH:-no answer}"
}

told_url() {
  case $FORMAT in
    json) printf '[{"url":"%s"}]\n' "$URL" ;;
    csv) printf 'url\n%s\n' "$URL" ;;
    *) printf '%s\n' "$URL" ;;
  esac | out
}

# Sets WORKERS: those of nginx's processes that have a file of this folder open. Without their master they keep the port.
find_workers() {
  WORKERS=
  # shellcheck disable=SC2013 # no path there has a space
  for name in $(grep -lx nginx /proc/[0-9]*/comm 2>/dev/null); do
    ! readlink "${name%/comm}"/fd/* 2>/dev/null | IN=$(readlink -f -- "$FOLDER")/ \
      awk 'index($0, ENVIRON["IN"]) == 1 { found = 1 } END { exit !found }' || WORKERS="$WORKERS $(basename "${name%/comm}")"
  done
  [ -n "$WORKERS" ]
}

no_workers() {
  ! find_workers
}

# Workers whose master is gone leave the port, and answer what they have taken.
quit_workers() {
  # shellcheck disable=SC2086 # a list of numbers
  ! find_workers || kill -"${1:-QUIT}" $WORKERS 2>/dev/null || :
}

start_nginx() {
  quit_workers
  run_nginx nginx.conf 9>&- || {
    message=$(nginx_says)
    [ -z "$started" ] || end_door
    fail "nginx: ${message:-it does not start}"
  }
}

# Its socket appears once it is ready.
start_door() {
  started=yes
  rm -f -- "$FOLDER/door.sock"
  set --
  while IFS= read -r word; do set -- "$@" "$word"; done <"$FOLDER/door.options"
  (
    cd -- "$FOLDER" || exit 3
    exec setsid "$DOOR" "$@" </dev/null >/dev/null 2>>door.err 9>&-
  ) &
  echo $! >"$FOLDER/door.pid"
  door=$!
  while [ ! -S "$FOLDER/door.sock" ]; do
    kill -0 "$door" 2>/dev/null || {
      rm -f -- "$FOLDER/door.pid"
      fail "$(tail -n 1 -- "$FOLDER/door.err" | grep . || echo 'seal-door: it does not start')"
    }
    sleep 0.1
  done
}

end_door() {
  if pid_of door; then
    kill "$PID" 2>/dev/null || :
    within 90 gone door || fail "the door, process $PID, does not end"
  fi
  rm -f -- "$FOLDER/door.pid" "$FOLDER/door.sock"
}

serve_stop() {
  [ -d "$FOLDER" ] || fail "there is no folder $FOLDER"
  own_folder
  lock_folder
  # What nginx has taken is answered first.
  if pid_of nginx; then
    kill -QUIT "$PID" 2>/dev/null || :
    within 95 gone nginx || {
      kill "$PID" 2>/dev/null || :
      within 5 gone nginx || fail "nginx, process $PID, does not end"
    }
  fi
  quit_workers
  within 95 no_workers || until no_workers; do
    quit_workers KILL
    sleep 0.1
  done
  end_door
}

serve_reload() {
  nginx_program
  [ -d "$FOLDER" ] || fail "there is no folder $FOLDER"
  own_folder
  lock_folder
  if ! pid_of door || ! pid_of nginx; then fail "it does not run ($SEAL serve start)"; fi
  before=$(cat "$FOLDER/door.options")
  settle
  find_url
  if pid_of door; then kill -HUP "$PID"; fi
  if pid_of nginx; then
    workers=$(cat "/proc/$PID/task/$PID/children" 2>/dev/null) || workers=
    kill -HUP "$PID"
    within 10 taken_over || {
      put_back
      fail "nginx goes on with what it had: $(sed '/still could not/d; s/.*\] [0-9#]*: //' "$FOLDER/error.log" | tail -n 1)"
    }
  fi
  await_ready
  [ "$before" = "$(cat "$FOLDER/door.options")" ] || say "serve: the door has its new options after stop and start"
}

# Whether nginx's workers until now, those in $workers, take nothing new.
taken_over() {
  for worker in $workers; do
    case $(tr '\000' ' ' 2>/dev/null <"/proc/$worker/cmdline") in
      *'shutting down'* | '') ;;
      *) return 1 ;;
    esac
  done
}

# Says so where the host's certificate has ended or soon will, as `seal doctor` does.
certificate_end() {
  bind folder "$FOLDER"
  report_sql doctor | sed -n '/^-- check: door$/,/^-- check: /p' | sql none
  while IFS='|' read -r verdict text; do
    [ "$verdict" = ok ] || say "serve: ${text%%|*}"
  done <"$WORK/out"
}

serve_status() {
  [ ! -d "$FOLDER" ] || own_folder
  find_url
  up=true
  missing=
  for name in door nginx; do
    pid_of "$name" || missing="$missing $name"
  done
  [ -z "$missing" ] || up=false
  HEALTH='no answer'
  well=false
  if [ "$up" = true ] && ready; then well=true; fi
  case $FORMAT:$up:$well in
    json:*) printf '[{"url":"%s","running":%s,"ready":%s}]\n' "$URL" "$up" "$well" ;;
    csv:*) printf 'url,running,ready\n%s,%s,%s\n' "$URL" "$up" "$well" ;;
    *:true:true) printf '%s: ready\n' "$URL" ;;
    *:true:*) printf '%s: runs, but is not ready: %s\n' "$URL" "${HEALTH:-no answer}" | clean ;;
    *) printf 'not running:%s\n' "$missing" ;;
  esac | out
  certificate_end
  [ "$well" = true ] || exit 3
}
