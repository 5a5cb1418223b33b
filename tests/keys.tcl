# Keys, tokens and certificates for tests, made by the openssl command line: an implementation
# that is not the one under test.
#
#   source $tests_folder/keys.tcl
#   make_key ES256 acme
#   set public [jwk acme kid k1]
#   set token [make_jwt acme {kid k1} [json_object iss v2x exp 1790000000]]
#   make_ca root; make_cert v2x root -san DNS:v2x.acme.example -start 2026-10-01 -end 2026-12-01
#   set chain [read_file v2x.crt]
#
# A key called NAME is the file NAME.pem (or NAME.secret for HS*) in the current folder, its
# certificate NAME.crt. make_jwt starts openssl for each token; fast_jwt signs by tests/host/jwt.c
# and makes thousands a second.

# The algorithm of each key that this file made; the signing processes that run.
array set key_alg {}
array set jwt_process {}

# --- Encodings -----------------------------------------------------------------------------

# base64url without padding, of bytes.
proc base64url {bytes} {
  return [string map {+ - / _ = {}} [binary encode base64 $bytes]]
}

# The bytes of base64url without padding.
proc base64url_decode {text} {
  return [binary decode base64 [string map {- + _ /} $text]]
}

proc json_string {text} {
  set out ""
  foreach char [split $text ""] {
    set code [scan $char %c]
    if {$char in {\" \\}} {
      append out \\ $char
    } elseif {$code < 32} {
      append out [format {\u%04x} $code]
    } else {
      append out $char
    }
  }
  return "\"$out\""
}

# A JSON object of names and values. A value that is a number, true, false, null, an array or an
# object stays as it is; any other becomes a string.
#   json_object iss v2x exp 17 aud {["a","b"]}  -> {"iss":"v2x","exp":17,"aud":["a","b"]}
proc json_object {args} {
  set members {}
  foreach {name value} $args {
    if {![regexp {^(-?\d+(\.\d+)?|true|false|null|\[.*\]|\{.*\})$} $value]} {
      set value [json_string $value]
    }
    lappend members "[json_string $name]:$value"
  }
  return "{[join $members ,]}"
}

# Seconds since 1970 as RFC 3339 text, and such text or a date as seconds.
proc instant {seconds} {
  return [clock format $seconds -gmt 1 -format %Y-%m-%dT%H:%M:%SZ]
}
proc seconds {text} {
  if {[string is entier -strict $text]} {return $text}
  if {[regexp {^\d+-\d+-\d+$} $text]} {return [clock scan $text -gmt 1 -format %Y-%m-%d]}
  return [clock scan $text -gmt 1 -format %Y-%m-%dT%H:%M:%SZ]
}

# --- Running openssl -----------------------------------------------------------------------

# Runs an openssl command; what it prints is its result, and a failure an error.
proc openssl {args} {
  lassign [run_command [list openssl {*}$args]] rc out err
  if {$rc != 0} {error "openssl [lindex $args 0]: $err"}
  return $out
}

# Runs an openssl command that writes a file by -out; gives the bytes of it.
proc openssl_bytes {command args} {
  openssl $command -out .bytes {*}$args
  return [read_file .bytes binary]
}

# SHA-256 of bytes, as bytes.
proc sha256 {bytes} {
  write_file .input $bytes binary
  return [openssl_bytes dgst -sha256 -binary .input]
}

# --- Keys ----------------------------------------------------------------------------------

# Makes a key for a JWS algorithm (RS*, PS*, ES*, EdDSA, Ed448, HS*); gives its file. `bits` is for
# RSA keys; a secret has as many bytes as its hash.
proc make_key {alg name {bits 2048}} {
  switch -glob $alg {
    HS* {
      set bytes [expr {[string range $alg 2 end] / 8}]
      openssl rand -out $name.secret $bytes
      set ::key_alg($name) $alg
      return [file normalize $name.secret]
    }
    ES256 {set options {EC -pkeyopt ec_paramgen_curve:P-256}}
    ES384 {set options {EC -pkeyopt ec_paramgen_curve:P-384}}
    ES512 {set options {EC -pkeyopt ec_paramgen_curve:P-521}}
    EdDSA {set options ED25519}
    Ed448 {set options ED448}
    RS* - PS* {set options [list RSA -pkeyopt rsa_keygen_bits:$bits]}
    default {error "no algorithm $alg"}
  }
  openssl genpkey -algorithm {*}$options -out $name.pem
  set ::key_alg($name) [expr {$alg eq "Ed448" ? "EdDSA" : $alg}]
  return [file normalize $name.pem]
}

# The members of the public JWK that RFC 7638 hashes, in its order; of a secret all of it.
proc jwk_members {name} {
  set alg $::key_alg($name)
  if {[string match HS* $alg]} {
    return [list k [base64url [read_file $name.secret binary]] kty oct]
  }
  if {[string match {[RP]S*} $alg]} {
    regexp {Modulus=([0-9A-F]+)} [openssl rsa -in $name.pem -modulus -noout] -> hex
    return [list e AQAB kty RSA n [base64url [binary format H* $hex]]]
  }
  # The last bytes of a SubjectPublicKeyInfo are the point (RFC 5480, RFC 8410).
  set der [openssl_bytes pkey -in $name.pem -pubout -outform DER]
  set size [string length $der]
  foreach {total kind curve width} {
    91 EC P-256 32  120 EC P-384 48  158 EC P-521 66  44 OKP Ed25519 32  69 OKP Ed448 57
  } {
    if {$total != $size} continue
    set last [base64url [string range $der end-[expr {$width - 1}] end]]
    if {$kind eq "OKP"} {return [list crv $curve kty OKP x $last]}
    set x [string range $der end-[expr {2 * $width - 1}] end-$width]
    return [list crv $curve kty EC x [base64url $x] y $last]
  }
  error "no JWK for a key of $size bytes"
}

# The public JWK of a key (a secret's whole), with its alg. Further members follow by name and
# value, replace those, or with an empty value leave them out: jwk acme kid k1 alg "".
proc jwk {name args} {
  set members [list {*}[jwk_members $name] alg $::key_alg($name)]
  foreach {member value} $args {dict set members $member $value}
  foreach {member value} $members {
    if {$value eq ""} {dict unset members $member}
  }
  return [json_object {*}$members]
}

# A JWK set of JWK texts.
proc jwks {args} {
  return "{\"keys\":\[[join $args ,]\]}"
}

# The RFC 7638 thumbprint of a key.
proc jwk_thumbprint {name} {
  return [base64url [sha256 [json_object {*}[jwk_members $name]]]]
}

# --- Tokens --------------------------------------------------------------------------------

# An ECDSA signature in DER as R||S, each `width` bytes (RFC 7518 3.4).
proc raw_ecdsa {der width} {
  set at [expr {[string index $der 1] eq "\x81" ? 3 : 2}]
  set raw ""
  foreach part {r s} {
    binary scan $der "@[expr {$at + 1}]cu" size
    set value [string range $der [expr {$at + 2}] [expr {$at + 1 + $size}]]
    set value [string trimleft $value \0]
    append raw [string repeat \0 [expr {$width - [string length $value]}]] $value
    incr at [expr {2 + $size}]
  }
  return $raw
}

# The header of a token: JSON text stays as it is; names and values are added to the key's alg.
proc jwt_header {name header} {
  if {[string index $header 0] eq "\{" && [string index $header end] eq "\}"} {return $header}
  return [json_object {*}[dict merge [list alg $::key_alg($name)] $header]]
}

# Signs bytes with the algorithm of the key; gives the JWS signature's bytes.
proc sign {name bytes} {
  set alg $::key_alg($name)
  write_file .input $bytes binary
  set hash -sha[string range $alg 2 end]
  switch -glob $alg {
    EdDSA {return [openssl_bytes pkeyutl -sign -rawin -inkey $name.pem -in .input]}
    HS* {
      binary scan [read_file $name.secret binary] H* hex
      return [openssl_bytes dgst $hash -mac HMAC -macopt hexkey:$hex -binary .input]
    }
    PS* {
      set pss {-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest}
      return [openssl_bytes dgst $hash {*}$pss -sign $name.pem .input]
    }
    RS* {return [openssl_bytes dgst $hash -sign $name.pem .input]}
  }
  set width [dict get {ES256 32 ES384 48 ES512 66} $alg]
  return [raw_ecdsa [openssl_bytes dgst $hash -sign $name.pem .input] $width]
}

# A compact JWS of claims (JSON text), signed by the openssl command line. The header is JSON text,
# or names and values that are added to {"alg": that of the key} or replace it.
proc make_jwt {name header claims} {
  set header [encoding convertto utf-8 [jwt_header $name $header]]
  set payload [encoding convertto utf-8 $claims]
  set signed [base64url $header].[base64url $payload]
  return $signed.[base64url [sign $name $signed]]
}

# The same, by a process of build/jwt that stays and takes line after line. No newline in claims.
proc fast_jwt {name header claims} {
  set header [jwt_header $name $header]
  set index [list $name $header]
  if {![info exists ::jwt_process($index)]} {
    set alg $::key_alg($name)
    set file [expr {[string match HS* $alg] ? "$name.secret" : "$name.pem"}]
    set process [open |[list $::build/jwt -a $alg -H $header $file] r+]
    fconfigure $process -encoding utf-8 -buffering line
    set ::jwt_process($index) $process
  }
  set process $::jwt_process($index)
  puts $process $claims
  return [gets $process]
}

# A credential of a VAL server: a token with iss = sub = its id, aud, exp in 5 minutes and a jti of
# its own. Further claims by name and value replace those, or with an empty value leave them out.
#   val_token acme v2x.acme.example exp 1790000000
proc val_token {name val_server_id args} {
  set now [now_seconds]
  set claims [list iss $val_server_id sub $val_server_id aud urn:seal:registrar]
  lappend claims iat $now exp [expr {$now + 300}] jti [pid]-[incr ::jti_count]
  foreach {claim value} $args {dict set claims $claim $value}
  foreach {claim value} $claims {
    if {$value eq ""} {dict unset claims $claim}
  }
  return [fast_jwt $name {} [json_object {*}$claims]]
}

# --- Certificates --------------------------------------------------------------------------

# A time for `openssl ca`, of what `seconds` takes.
proc asn1_time {text} {
  return [clock format [seconds $text] -gmt 1 -format %Y%m%d%H%M%SZ]
}

# Takes options apart over their defaults, as a dict; an unknown one is an error.
proc options {defaults given} {
  foreach {option value} $given {
    if {![dict exists $defaults $option]} {error "no option $option"}
    dict set defaults $option $value
  }
  return $defaults
}

# The configuration of a CA for `openssl ca`, with the extensions of what it is to sign.
proc ca_config {ca extensions} {
  write_file $ca.cnf [subst {
\[req\]
distinguished_name = dn
prompt = no
utf8 = yes
\[dn\]
CN = unused
\[ca\]
default_ca = this
\[this\]
database = $ca.ca/index.txt
new_certs_dir = $ca.ca
serial = $ca.ca/serial
crlnumber = $ca.ca/crlnumber
certificate = $ca.crt
private_key = $ca.pem
default_md = default
unique_subject = no
policy = any
\[any\]
commonName = optional
\[crl\]
authorityKeyIdentifier = keyid:always
\[signed\]
$extensions
}]
  return $ca.cnf
}

# Makes NAME.crt: a certificate of NAME.pem that `ca` signs (itself: NAME).
proc sign_certificate {name ca extensions opt} {
  set config [ca_config $ca $extensions]
  openssl req -new -config $config -key $name.pem -subj [dict get $opt -subject] -out $name.csr
  set how [expr {$name eq $ca ? "-selfsign" : ""}]
  openssl ca -batch -notext -config $config {*}$how -extensions signed -in $name.csr \
      -startdate [asn1_time [dict get $opt -start]] -enddate [asn1_time [dict get $opt -end]] \
      -out $name.crt
  return [file normalize $name.crt]
}

# Makes a CA: a self-signed one, or with -issuer CA an intermediate. Gives its certificate's file.
#   make_ca root ?-key ES256? ?-start INSTANT? ?-end INSTANT? ?-issuer CA? ?-subject /CN=root?
proc make_ca {name args} {
  set now [clock seconds]
  set opt [options [list -key ES256 -start [expr {$now - 86400}] -end [expr {$now + 315360000}] \
      -issuer $name -subject /CN=$name] $args]
  file mkdir $name.ca
  write_file $name.ca/index.txt ""
  openssl rand -hex -out $name.ca/serial 8
  write_file $name.ca/serial "4[string range [read_file $name.ca/serial] 1 15]\n"
  write_file $name.ca/crlnumber 01\n
  make_key [dict get $opt -key] $name
  set extensions "basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always"
  # A self-signed certificate is its own issuer; before it exists it has no key identifier.
  if {[dict get $opt -issuer] eq $name} {
    set extensions [join [lrange [split $extensions \n] 0 2] \n]
  }
  return [sign_certificate $name [dict get $opt -issuer] $extensions $opt]
}

# Makes a client certificate NAME.crt of a CA; gives its file. -san takes openssl's spelling, such
# as DNS:a.example,URI:urn:b; -extensions replaces the extensions as a whole.
proc make_cert {name ca args} {
  set now [clock seconds]
  set opt [options [list -key ES256 -san "" -start [expr {$now - 86400}] \
      -end [expr {$now + 86400 * 365}] -subject /CN=$name -extensions ""] $args]
  make_key [dict get $opt -key] $name
  set extensions [dict get $opt -extensions]
  if {$extensions eq ""} {
    set extensions "basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always"
    if {[dict get $opt -san] ne ""} {
      append extensions "\nsubjectAltName = [dict get $opt -san]"
    }
  }
  return [sign_certificate $name $ca $extensions $opt]
}

# The CA revokes a certificate; the next make_crl lists it.
proc revoke_cert {name ca} {
  openssl ca -config [ca_config $ca ""] -revoke $name.crt
}

# Makes CA.crl, with the next CRL number; gives its file.
#   make_crl root ?-start INSTANT? ?-end INSTANT?
proc make_crl {ca args} {
  set now [clock seconds]
  set opt [options [list -start [expr {$now - 3600}] -end [expr {$now + 86400 * 30}]] $args]
  openssl ca -config [ca_config $ca ""] -gencrl -crlexts crl -out $ca.crl \
      -crl_lastupdate [asn1_time [dict get $opt -start]] \
      -crl_nextupdate [asn1_time [dict get $opt -end]]
  return [file normalize $ca.crl]
}

# The x5t#S256 thumbprint of a certificate (RFC 7515 4.1.8).
proc cert_thumbprint {name} {
  return [base64url [sha256 [openssl_bytes x509 -in $name.crt -outform DER]]]
}
