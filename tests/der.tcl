# Certificates and CRLs written byte by byte, so that any part can be wrong, and then signed by the
# openssl command line.
#
#   source $tests_folder/keys.tcl
#   source $tests_folder/der.tcl
#   cert root root -kind ca                       ;# its own issuer: an anchor
#   cert leaf root -ext [list eku ""]             ;# without extended key usage
#   cert leaf2 root -wrap [list append_bytes \0]  ;# signed, and then a byte too long
#   judge [pem leaf] [pem root] purpose client    ;# "ok", or the reason
#
# Defaults are those of a good client certificate, valid in November 2026; `judge` asks at the 15th.

set mid_november 2026-11-15T00:00:00Z

# The certificates and CRLs that were made: DER, subject, key, and the next serial number.
array set der_of {}
array set subject_of {}
array set key_of {}
set next_serial 1000

# --- DER -----------------------------------------------------------------------------------

# One value: a tag (number), and the concatenation of the parts.
proc tlv {tag args} {
  set body [join $args ""]
  set n [string length $body]
  if {$n < 128} {
    set length [format %c $n]
  } else {
    set hex [format %x $n]
    if {[string length $hex] % 2} {set hex 0$hex}
    set length [format %c [expr {0x80 | [string length $hex] / 2}]][binary format H* $hex]
  }
  return [format %c $tag]$length$body
}

proc seq {args} {return [tlv 0x30 {*}$args]}
proc octets {args} {return [tlv 0x04 {*}$args]}
proc bits {bytes {unused 0}} {return [tlv 0x03 [format %c $unused] $bytes]}
proc utf8 {text} {return [tlv 0x0c [encoding convertto utf-8 $text]]}
proc hex {text} {return [binary format H* [string map {" " ""} $text]]}
# Context-specific tags: constructed, and primitive.
proc explicit {n args} {return [tlv [expr {0xa0 + $n}] {*}$args]}
proc implicit {n bytes} {return [tlv [expr {0x80 + $n}] $bytes]}

# INTEGER of a number that is not negative.
proc integer {n} {
  set hex [format %llx $n]
  if {[string length $hex] % 2} {set hex 0$hex}
  if {[string index $hex 0] in {8 9 a b c d e f}} {set hex 00$hex}
  return [tlv 0x02 [hex $hex]]
}

proc oid {text} {
  set arcs [split $text .]
  set arcs [list [expr {[lindex $arcs 0] * 40 + [lindex $arcs 1]}] {*}[lrange $arcs 2 end]]
  set bytes ""
  foreach arc $arcs {
    set part [format %c [expr {$arc & 0x7f}]]
    while {[set arc [expr {$arc >> 7}]]} {set part [format %c [expr {$arc & 0x7f | 0x80}]]$part}
    append bytes $part
  }
  return [tlv 0x06 $bytes]
}

# UTCTime for YYMMDDHHMMSSZ and anything else shorter than 15; GeneralizedTime from there on.
proc time_value {text} {
  return [tlv [expr {[string length $text] < 15 ? 0x17 : 0x18}] $text]
}

proc common_name {text} {
  return [seq [tlv 0x31 [seq [oid 2.5.4.3] [utf8 $text]]]]
}

# An Extension; `value` is the DER inside.
proc extension {oid critical value} {
  return [seq [oid $oid] [expr {$critical ? "\x01\x01\xff" : ""}] [octets $value]]
}

# What a key identifier is here: 20 bytes of the key's name.
proc key_id {key} {return [binary format a20 $key]}

# Extensions by what they say.
proc san {args} {
  set names ""
  foreach {kind value} $args {
    append names [implicit [dict get {email 1 dns 2 uri 6 ip 7} $kind] $value]
  }
  return [extension 2.5.29.17 0 [seq $names]]
}
proc eku {args} {
  set oids ""
  foreach purpose $args {
    append oids [oid [dict get {
      server 1.3.6.1.5.5.7.3.1 client 1.3.6.1.5.5.7.3.2 any 2.5.29.37.0
    } $purpose]]
  }
  return [extension 2.5.29.37 0 [seq $oids]]
}
# keyUsage of bit numbers (RFC 5280 4.2.1.3): 0 digitalSignature, 2 keyEncipherment, 4 keyAgreement,
# 5 keyCertSign, 6 cRLSign.
proc ku {args} {
  set byte 0
  foreach bit $args {set byte [expr {$byte | 0x80 >> $bit}]}
  set unused 0
  while {$byte && !($byte >> $unused & 1)} {incr unused}
  return [extension 2.5.29.15 1 [bits [format %c $byte] $unused]]
}
proc bc {ca {pathlen ""} {critical 1}} {
  set body [expr {$ca ? "\x01\x01\xff" : ""}]
  if {$pathlen ne ""} {append body [integer $pathlen]}
  return [extension 2.5.29.19 $critical [seq $body]]
}
proc ski {key} {return [extension 2.5.29.14 0 [octets [key_id $key]]]}
proc aki {key} {return [extension 2.5.29.35 0 [seq [implicit 0 [key_id $key]]]]}
# Name constraints: lists of kind and base, permitted and excluded.
proc nc {permitted excluded {critical 1}} {
  set body ""
  foreach n {0 1} names [list $permitted $excluded] {
    set subtrees ""
    foreach {kind value} $names {
      append subtrees [seq [implicit [dict get {email 1 dns 2 uri 6 ip 7} $kind] $value]]
    }
    if {$subtrees ne ""} {append body [explicit $n $subtrees]}
  }
  return [extension 2.5.29.30 $critical [seq $body]]
}

proc append_bytes {bytes der} {return $der$bytes}
# The outermost value with its length in one byte more than it needs: BER, not DER.
proc long_length {der} {
  binary scan $der cucu tag first
  if {$first < 0x80} {return [string index $der 0]\x81[string range $der 1 end]}
  set digits [expr {$first & 0x7f}]
  return [string index $der 0][format %c [expr {$first + 1}]]\0[string range $der 2 end]
}
# The outermost value in the indefinite form of BER.
proc indefinite {der} {
  binary scan $der cucu tag first
  set head [expr {$first < 0x80 ? 2 : 2 + ($first & 0x7f)}]
  return [string index $der 0]\x80[string range $der $head end]\0\0
}

# --- Signing -------------------------------------------------------------------------------

# AlgorithmIdentifier of a signature by this key and hash.
proc signature_algorithm {key hash} {
  set kind [string range $::key_alg($key) 0 1]
  if {$kind eq "Ed"} {
    return [seq [oid [expr {[file size $key.pem] > 130 ? "1.3.101.113" : "1.3.101.112"}]]]
  }
  set oid [dict get {
    ES.sha1 1.2.840.10045.4.1 ES.sha256 1.2.840.10045.4.3.2 ES.sha384 1.2.840.10045.4.3.3
    RS.md5 1.2.840.113549.1.1.4 RS.sha1 1.2.840.113549.1.1.5 RS.sha256 1.2.840.113549.1.1.11
  } $kind.$hash]
  return [seq [oid $oid] [expr {$kind eq "RS" ? "\x05\x00" : ""}]]
}

proc signature {key hash bytes} {
  write_file .tbs $bytes binary
  if {[string match Ed* $::key_alg($key)]} {
    return [openssl_bytes pkeyutl -sign -rawin -inkey $key.pem -in .tbs]
  }
  return [openssl_bytes dgst -$hash -sign $key.pem .tbs]
}

# SubjectPublicKeyInfo of a key.
proc spki {key} {
  if {![info exists ::spki_of($key)]} {
    set ::spki_of($key) [openssl_bytes pkey -in $key.pem -pubout -outform DER]
  }
  return $::spki_of($key)
}

# --- Certificates and CRLs -----------------------------------------------------------------

# The extensions of a kind of certificate, by name.
proc default_extensions {kind key issuer_key} {
  if {$kind eq "ca"} {
    return [list bc [bc 1] ku [ku 5 6] ski [ski $key] aki [aki $issuer_key]]
  }
  return [list bc [bc 0] ku [ku 0] eku [eku client] san [san dns v2x.example] ski [ski $key] \
      aki [aki $issuer_key]]
}

# Makes a certificate `name` that `issuer` signs (itself: `name`).
#   -kind leaf|ca   -key NAME (default: the key of that name, made if need be; of leaves "leaf")
#   -signer KEY     -ext {name DER ...} replaces single extensions, "" leaves one out, a new name adds
#   -version N      -serial DER   -subject DER   -issuer DER   -start T   -end T   -hash NAME
#   -spki DER       -inner DER (algorithm inside)   -wrap COMMAND (changes the signed whole)
proc cert {name issuer args} {
  set opt [options [list -kind leaf -key "" -signer "" -ext {} -version 2 -serial "" -subject "" \
      -issuer "" -start 261101000000Z -end 261130235959Z -hash sha256 -spki "" -inner "" -wrap ""] \
      $args]
  dict with opt {
    if {${-key} eq ""} {set -key [expr {${-kind} eq "ca" ? $name : "leaf"}]}
    if {![info exists ::key_alg(${-key})]} {make_key ES256 ${-key}}
    set ::key_of($name) ${-key}
    if {${-subject} eq ""} {set -subject [common_name $name]}
    set ::subject_of($name) ${-subject}
    if {${-signer} eq ""} {set -signer $::key_of($issuer)}
    if {${-issuer} eq ""} {set -issuer $::subject_of($issuer)}
    if {${-serial} eq ""} {set -serial [integer [incr ::next_serial]]}
    if {${-spki} eq ""} {set -spki [spki ${-key}]}
    set algorithm [signature_algorithm ${-signer} ${-hash}]
    if {${-inner} eq ""} {set -inner $algorithm}
    set extensions [dict merge [default_extensions ${-kind} ${-key} $::key_of($issuer)] ${-ext}]
    set version [expr {${-version} ? [explicit 0 [integer ${-version}]] : ""}]
    set validity [seq [time_value ${-start}] [time_value ${-end}]]
    set last [join [dict values $extensions] ""]
    if {$last ne ""} {set last [explicit 3 [seq $last]]}
    set tbs [seq $version ${-serial} ${-inner} ${-issuer} $validity ${-subject} ${-spki} $last]
    set ::serial_of($name) ${-serial}
    set ::der_of($name) [seq $tbs $algorithm [bits [signature ${-signer} ${-hash} $tbs]]]
    if {${-wrap} ne ""} {set ::der_of($name) [{*}${-wrap} $::der_of($name)]}
  }
  return $name
}

# Makes a CRL `name` of a CA. -revoked is a list of certificates, or of {certificate extensions}.
#   -number N ("" = none)   -next T ("" = none)   -version N   -ext DER (more extensions)
proc crl {name ca args} {
  set opt [options [list -number 1 -this 261101000000Z -next 261130235959Z -version 1 -revoked {} \
      -ext "" -hash sha256 -signer $::key_of($ca) -issuer $::subject_of($ca) -inner "" -wrap ""] $args]
  dict with opt {
    set algorithm [signature_algorithm ${-signer} ${-hash}]
    if {${-inner} eq ""} {set -inner $algorithm}
    set entries ""
    foreach entry ${-revoked} {
      lassign $entry cert extensions
      if {$extensions ne ""} {set extensions [seq $extensions]}
      append entries [seq $::serial_of($cert) [time_value 261105000000Z] $extensions]
    }
    if {$entries ne ""} {set entries [seq $entries]}
    set extensions [aki ${-signer}]
    if {${-number} ne ""} {append extensions [extension 2.5.29.20 0 [integer ${-number}]]}
    append extensions ${-ext}
    set times [time_value ${-this}]
    if {${-next} ne ""} {append times [time_value ${-next}]}
    set version [expr {${-version} ? [integer ${-version}] : ""}]
    set last [expr {${-version} ? [explicit 0 [seq $extensions]] : ""}]
    set tbs [seq $version ${-inner} ${-issuer} $times $entries $last]
    set ::der_of($name) [seq $tbs $algorithm [bits [signature ${-signer} ${-hash} $tbs]]]
    if {${-wrap} ne ""} {set ::der_of($name) [{*}${-wrap} $::der_of($name)]}
  }
  return $name
}

proc pem_block {label der} {
  return "-----BEGIN $label-----\n[binary encode base64 -maxlen 64 $der]\n-----END $label-----\n"
}
# PEM of certificates, and of CRLs, by their names.
proc pem {args} {
  return [join [lmap name $args {pem_block CERTIFICATE $::der_of($name)}] ""]
}
proc crl_pem {args} {
  return [join [lmap name $args {pem_block "X509 CRL" $::der_of($name)}] ""]
}

# Judges by seal_x509; gives "ok" or the reason. Options by name and value; identity is a kind and a
# value. Without `at` it is the middle of November 2026.
proc judge {chain anchors args} {
  set options [dict merge [list at $::mid_november] $args]
  if {[dict exists $options identity]} {
    lassign [dict get $options identity] kind value
    dict set options identity [json_object $kind $value]
  }
  set options [json_object {*}$options]
  return [db one {SELECT ifnull(reason, 'ok') FROM seal_x509($chain, $anchors, $options)}]
}
