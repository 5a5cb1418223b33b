# shellcheck shell=sh
# The HTTPS door: nginx (scripts/nginx) in front of seal-door, both of this user's, in a folder of their own.
#
#   seal serve start --self-signed localhost      a trial
#   seal serve stop
#
# The folder, by default beside the database, FILE.serve:
#
#   nginx.conf, door.options   what `config` writes, of its options; a word of the door's on each line
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
(FILE.serve beside the database), and checks it; what is not given has its
default. start starts both, and waits until they answer; reload has them read
keys, certificates and configuration again and open their logs anew; with
options, both do what config does first. stop lets them finish what they have
begun. status ends with 0 if they run and are ready, with 3 if not.

  --listen ADDR:PORT   where VAL servers come in (127.0.0.1:8443); of all
                       addresses: [::]:443, of IPv4 alone: 0.0.0.0:443
  --certificate FILE   the host's certificate and its chain, PEM
  --private-key FILE   its key, PEM
  --self-signed NAME   for a trial: makes both for this host name or address
  --client-ca FILE     PEM: the CAs whose names clients are told
  --metrics-listen A:P /metrics and /health without TLS, for the operator's own
                       network (none)
  --max-connections N  of one client's address at a time (256; 0: any)
  --rate N             requests of one address in a second (1000; 0: any)
  --timer SECONDS      the door's own timer for notices, charging records and
                       the sweep (60; 0: none)
  --charging URL       the charging system that its timer brings records to

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
  make_config
  printf '%s\n' "$FOLDER/nginx.conf" | clean | out
}

make_config() {
  [ -f "$DB" ] || fail "there is no database $DB ($SEAL init makes one)"
  template=${LIBRARY%/*}/nginx/nginx.conf.in
  [ -f "$template" ] || fail "there is no file $template"
  listen=${PATH_listen:-127.0.0.1:8443}
  listen_address "$listen" --listen
  [ -z "${PATH_metrics_listen-}" ] || listen_address "$PATH_metrics_listen" --metrics-listen
  make_folder
  certificate_files
  door_options >"$FOLDER/door.options.new" || fail "cannot write $FOLDER/door.options"
  nginx_config "$template" >"$FOLDER/nginx.conf.new" || fail "cannot write $FOLDER/nginx.conf"
  check_config nginx.conf.new
  mv -f -- "$FOLDER/door.options.new" "$FOLDER/door.options"
  mv -f -- "$FOLDER/nginx.conf.new" "$FOLDER/nginx.conf"
}

# Nobody else's, and nobody else looks into it: tls.key is there, and the socket by which the door believes nginx.
make_folder() {
  [ -d "$FOLDER" ] || mkdir -- "$FOLDER" 2>/dev/null || fail "cannot make the folder $FOLDER"
  [ -O "$FOLDER" ] || fail "the folder $FOLDER is another user's"
  case $(stat -L -c %a -- "$FOLDER") in
    *00) ;;
    *) fail "others than its owner may look into the folder $FOLDER (chmod 700)" ;;
  esac
  : >"$FOLDER/nowhere" || fail "cannot write into $FOLDER"
}

# Sets CERTIFICATE and PRIVATE_KEY: those that are given, or those that were made for a trial.
certificate_files() {
  case ${PATH_certificate:+c}${PATH_private_key:+k}${PATH_self_signed:+s} in
    ck)
      CERTIFICATE=$(input_file "$PATH_certificate") || exit 3
      PRIVATE_KEY=$(key_file "$PATH_private_key") || exit 3
      ;;
    s) self_signed "$PATH_self_signed" ;;
    '')
      [ -f "$FOLDER/tls.crt" ] || wrong "--certificate and --private-key? For a trial: --self-signed localhost"
      CERTIFICATE=$FOLDER/tls.crt
      PRIVATE_KEY=$FOLDER/tls.key
      ;;
    *) wrong "either --certificate and --private-key, or --self-signed" ;;
  esac
  plain_path "$CERTIFICATE"
  plain_path "$PRIVATE_KEY"
}

# Makes tls.crt and tls.key for a year; the same name's that is there already is kept.
self_signed() {
  CERTIFICATE=$FOLDER/tls.crt
  PRIVATE_KEY=$FOLDER/tls.key
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
  [ -z "$KEY" ] || {
    case $KEY in
      "$WORK"/*) wrong "the door reads the key again when it is reloaded: --key names a file" ;;
    esac
    key=$(key_file "$KEY") || exit 3
    printf '%s\n' --key "$key"
  }
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
    ca=$(input_file "$PATH_client_ca") || exit 3
    plain_path "$ca"
    ca="ssl_client_certificate \"$ca\";"
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
      return 200 '{"type":"about:blank","title":"\$seal_title","status":\$status,"detail":"\$seal_detail"}';
    }
  }
T
}

# check_config NAME: nginx's own word on the file.
check_config() {
  run_nginx "$1" -t -q || fail "nginx: $(nginx_says)"
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
  tr '\000' ' ' 2>/dev/null <"/proc/$PID/cmdline" | grep -qF -- "$FOLDER/"
}

# until_gone NAME SECONDS: whether it ends in this time.
until_gone() {
  tenths=$(($2 * 10))
  while pid_of "$1"; do
    [ "$tenths" -gt 0 ] || return 1
    tenths=$((tenths - 1))
    sleep 0.1
  done
}

# One at a time on a folder.
lock_folder() {
  exec 9>"$FOLDER/lock"
  flock -w 120 9 || fail "another seal serve is at work on $FOLDER"
}

# Sets URL, where clients come in.
find_url() {
  URL=https://$(sed -n 's/^    listen \(.*\) ssl.*/\1/p' "$FOLDER/nginx.conf" 2>/dev/null) || :
}

# What /health says, in HEALTH; whether that is "ready".
ready() {
  HEALTH=$(curl -qsk --noproxy '*' --max-time 10 "$URL/health" 2>/dev/null) || return 1
  case $HEALTH in
    *'"ready":true'*) ;;
    *) return 1 ;;
  esac
}

serve_start() {
  nginx_program
  # shellcheck disable=SC2153 # scripts/seal sets it
  [ -x "$DOOR" ] || fail "there is no program $DOOR (make door builds it; SEAL_DOOR may name it)"
  if [ -n "$CONFIGURE" ] || [ ! -f "$FOLDER/nginx.conf" ]; then make_config; else make_folder; fi
  lock_folder
  find_url
  if pid_of door && pid_of nginx; then refuse "it runs already ($SEAL serve reload, or stop)"; fi
  [ "$(id -u)" -ne 0 ] || say "serve: as root; better as a user of its own"
  # shellcheck disable=SC3045 # where a shell can't, there are fewer descriptors
  ulimit -n "$(ulimit -H -n)" 2>/dev/null || :
  # What of the two still runs, where the other one ended, goes on.
  pid_of door || start_door
  pid_of nginx || run_nginx nginx.conf 9>&- || {
    message=$(nginx_says)
    end_door
    fail "nginx: ${message:-it does not start}"
  }
  tenths=100
  until ready; do
    [ "$tenths" -gt 0 ] || fail "it runs, but is not ready: ${HEALTH:-no answer}"
    tenths=$((tenths - 1))
    sleep 0.1
  done
  told_url
}

told_url() {
  case $FORMAT in
    json) printf '[{"url":"%s"}]\n' "$URL" ;;
    csv) printf 'url\n%s\n' "$URL" ;;
    *) printf '%s\n' "$URL" ;;
  esac | out
}

# Its socket appears once it is ready.
start_door() {
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
    until_gone door 90 || fail "the door, process $PID, does not end"
  fi
  rm -f -- "$FOLDER/door.pid" "$FOLDER/door.sock"
}

serve_stop() {
  [ -d "$FOLDER" ] || fail "there is no folder $FOLDER"
  lock_folder
  # What nginx has taken is answered first.
  if pid_of nginx; then
    kill -QUIT "$PID" 2>/dev/null || :
    until_gone nginx 95 || {
      kill "$PID" 2>/dev/null || :
      until_gone nginx 5 || fail "nginx, process $PID, does not end"
    }
  fi
  end_door
}

serve_reload() {
  nginx_program
  [ -d "$FOLDER" ] || fail "there is no folder $FOLDER"
  lock_folder
  if ! pid_of door || ! pid_of nginx; then fail "it does not run ($SEAL serve start)"; fi
  before=$(cat "$FOLDER/door.options")
  if [ -n "$CONFIGURE" ]; then make_config; else check_config nginx.conf; fi
  if pid_of door; then kill -HUP "$PID"; fi
  if pid_of nginx; then kill -HUP "$PID"; fi
  [ "$before" = "$(cat "$FOLDER/door.options")" ] || say "serve: the door has its new options after stop and start"
}

serve_status() {
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
  [ "$well" = true ] || exit 3
}
