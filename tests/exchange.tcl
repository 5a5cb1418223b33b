# A registrar and its SEAL servers, each with a database of its own, for tests of bundles.
#
#   source $tests_folder/exchange.tcl
#   new_exchange {sims identity-management skms key-management} $now
#   set bundle [bundle sims "" $now]         -> what the registrar says, a full copy
#   apply sims $bundle $now                  -> {"applied":…,"at":"12",…} as a dict; an error is a refusal
#   sync_all $now                            -> every server is told everything
#
# `db` is the registrar's connection, and db_NAME a server's; instants are seconds since 1970.

source $tests_folder/keys.tcl
make_key ES256 acme
set message_count 0

# The key of the secrets of a database: 32 bytes.
proc secret_of {name} {
  return [binary format a32 "the key of $name, 32 bytes of it  "]
}

proc unlock {db name} {
  set key [secret_of $name]
  $db eval {SELECT seal_unlock($key)}
}

# Runs a command at an instant, gives its result.
proc command {db name argument at} {
  set at [instant $at]
  if {$argument eq ""} {
    $db eval {INSERT INTO seal_command(command, at) VALUES ($name, $at)}
  } else {
    $db eval {INSERT INTO seal_command(command, argument, at) VALUES ($name, $argument, $at)}
  }
  return [$db one {SELECT result FROM seal_command WHERE command = $name LIMIT 1}]
}

# A new database of a SEAL server, which trusts the registrar, and whose key the registrar knows.
proc new_server {name service at} {
  set db db_$name
  catch {$db close}
  forcedelete $name.db
  sqlite3 $db $name.db
  load_seal $db
  $db eval {PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY}
  install_seal $db
  unlock $db $name
  set jwk [command $db rotate-key "" $at]
  set jwks [db one {SELECT seal_jwks()}]
  $db eval {
    UPDATE seal_registrar SET identifier = $name;
    INSERT INTO seal_anchor(anchor_id, type, iss, value)
    VALUES ('registrar', 'registrar', 'urn:seal:registrar', $jwks);
  }
  db eval {
    INSERT INTO seal_server(seal_server_id, seal_service, jwk) VALUES ($name, $service, $jwk);
  }
  set ::service_of($name) $service
  set ::place($name) ""
}

# A registrar and servers, by name and SEAL service.
proc new_exchange {servers at} {
  array unset ::service_of
  reset_db
  db eval {PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY}
  install_seal
  unlock db registrar
  command db rotate-key "" $at
  foreach {name service} $servers {new_server $name $service $at}
}

# What the registrar tells a server after a place; "" is a full copy.
proc bundle {name since at} {
  set at [instant $at]
  if {$since eq ""} {return [db one {SELECT seal_bundle($name, NULL, $at)}]}
  return [db one {SELECT seal_bundle($name, $since, $at)}]
}

# Applies a bundle; gives the result as a dict and remembers the place, as the server's own database does.
proc apply {name bundle at} {
  set db db_$name
  set json [command $db apply $bundle $at]
  set result [db eval {SELECT key, value FROM json_each($json)}]
  set ::place($name) [dict get $result at]
  return $result
}

# Tells a server all that it does not know; gives how many bundles that took.
proc sync {name at} {
  for {set n 1} {$n < 10000} {incr n} {
    set result [apply $name [bundle $name $::place($name) $at] $at]
    if {![dict get $result more]} {return $n}
  }
  error "$name never gets to the end"
}

proc sync_all {at} {
  foreach name [array names ::service_of] {sync $name $at}
}

# The payload of a bundle, or of any JWS.
proc payload {jws} {
  return [encoding convertfrom utf-8 [base64url_decode [lindex [split $jws .] 1]]]
}

# A token of a VAL server, at an instant.
proc token_at {at id} {
  return [val_token acme $id iat $at exp [expr {$at + 300}]]
}

# Sends a message with a token; gives status and response. `body` is JSON or empty.
proc message {method uri body token at} {
  set id m-[incr ::message_count]
  set at [instant $at]
  set request "{\"method\":\"$method\",\"uri\":\"$uri\",\"authorization\":\"Bearer $token\""
  if {$body ne ""} {append request ",\"body\":$body"}
  append request "}"
  db eval {INSERT INTO seal_message(message_id, request, at) VALUES ($id, $request, $at)}
  return [db eval {SELECT status, response FROM seal_message WHERE message_id = $id}]
}

# Closes the servers' databases.
proc close_servers {} {
  foreach db [info commands db_*] {$db close}
}

# Everything that a database stores, row by row.
proc dump {db} {
  set all {}
  foreach table [$db eval {
    SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'seal_*_*' AND sql NOT LIKE '%VIRTUAL%'
    ORDER BY name
  }] {
    $db eval "SELECT * FROM \"$table\"" row {
      set line [list $table]
      foreach column $row(*) {lappend line $column $row($column)}
      lappend all $line
    }
  }
  return $all
}
