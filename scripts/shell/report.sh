# shellcheck shell=sh
# The state of things as one HTML page, without scripts and without anything from elsewhere.
#
#   seal report --days 30 >report.html

help_report() {
  cat <<'T'
usage: seal report [FILE] [--days N]

One HTML page, to FILE or the output: what there is, agreements and their terms,
VAL servers, what ends within --days (default: 30), and what was used and
refused in as many days before now.

Example:
  seal report report.html --days 7
T
}

# The sections: title, and the file of sql/reports that fills it.
sections() {
  cat <<'T'
Agreements      report_agreements
Terms           report_terms
VAL servers     report_val_servers
What ends       expiring
Usage           usage
Refusals        report_refusals
T
}

page_head() {
  cat <<'T'
<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>SEAL registrar</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; color: #222 }
body { max-width: 72em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em; margin: 0 } h2 { font-size: 1.1em; margin: 2em 0 .5em }
p { color: #666; margin: 0 } div { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .875em }
th { text-align: left; font-weight: 600; color: #666; border-bottom: 2px solid #ccc }
td { border-bottom: 1px solid #e5e5e5; overflow-wrap: anywhere }
th, td { padding: .35em 1em .35em 0; vertical-align: top }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd } p, th { color: #999 }
  th { border-color: #555 } td { border-color: #333 }
}
</style>
T
}

seal_report() {
  take 'days=count' "$@"
  [ "$ARGC" -le 1 ] || wrong "one file"
  {
    cat <<'T'
.headers off
.mode html
.output head
SELECT replace(identifier, char(10), ' '), seal_version(), strftime('%Y-%m-%dT%H:%M:%SZ', 'now'), coalesce(:days, 30),
  agreements, val_servers, configurations, identities, key_records FROM seal_registrar;
.headers on
T
    sections | while read -r line; do
      name=${line##* }
      echo ".output section_$name"
      # Usage looks back, what ends is ahead of now.
      if [ "$name" = expiring ]; then
        echo "DELETE FROM temp.sqlite_parameters WHERE key = ':from';"
      else
        echo "REPLACE INTO temp.sqlite_parameters VALUES (':from',
          strftime('%Y-%m-%dT%H:%M:%SZ', 'now', format('-%d days', coalesce(:days, 30))));"
      fi
      report_sql "$name"
    done
  } | sql read
  make_page | clean >"$WORK/page"
  if [ "$ARGC" -eq 0 ]; then
    cat "$WORK/page"
  else
    cat "$WORK/page" >"$ARG1" || fail "cannot write $ARG1"
  fi
}

# The cells of the head's one row, a word each: html mode has escaped them.
make_page() {
  page_head
  sed 's/^<TR>//; s/<TD>//g; /^<\/TR>/d' "$WORK/head" | awk -F '</TD>' '
    { cell[NR] = $1 }
    END {
      printf "<h1>SEAL registrar</h1>\n<p>%s, version %s, %s; periods of %s days\n",
        cell[1], cell[2], cell[3], cell[4]
      printf "<p>%s agreements, %s VAL servers, %s configurations, %s identities, %s key records\n",
        cell[5], cell[6], cell[7], cell[8], cell[9]
    }'
  sections | while read -r line; do
    name=${line##* }
    printf '<h2>%s</h2>\n' "$(printf '%s' "${line% *}" | sed 's/ *$//')"
    if [ -s "$WORK/section_$name" ]; then
      echo '<div><table>'
      cat "$WORK/section_$name"
      echo '</table></div>'
    else
      echo '<p>None.'
    fi
  done
  echo '</html>'
}
