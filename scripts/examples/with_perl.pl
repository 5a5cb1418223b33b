#!/usr/bin/perl
# The registrar in Perl: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
#
#   perl scripts/examples/with_perl.pl [LIBRARY]
#
# Needs DBI and DBD::SQLite: Debian's libdbd-sqlite3-perl.
use strict;
use warnings;
use DBI;

my $library = shift // '/usr/local/lib/seal/seal';

# The extension comes with each connection; the relations, once, with the database.
my $db = DBI->connect('dbi:SQLite:dbname=:memory:', '', '',
  {RaiseError => 1, PrintError => 0, sqlite_allow_multiple_statements => 1});
$db->sqlite_enable_load_extension(1);
$db->sqlite_load_extension($library);
$db->sqlite_enable_load_extension(0);

sub one {
  my ($sql, @values) = @_;
  return ($db->selectrow_array($sql, undef, @values))[0];
}

$db->do(one('SELECT seal_schema()'));
print 'seal ', one('SELECT seal_version()'), "\n";

# The contract: what acme may provision, and who acts for it.
$db->do(<<'SQL');
INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
  VALUES ('sla-7', 'identity-management', 'v2x', 1);
INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
SQL

# The VAL server's key pair: the registrar is given the public half.
my $private_key = one('SELECT seal_generate_key()');
$db->do("INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))",
  undef, $private_key);

# Each act is proved by a token that the VAL server signs; a token serves once.
sub token {
  return one(<<'SQL', $private_key);
SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example', 'aud', 'urn:seal:registrar',
  'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))), ?)
SQL
}

sub provision {
  my ($user) = @_;
  $db->do("INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES (?, 'v2x', ?, '2098-12-31')",
    undef, token(), $user);
}

provision('alice@acme.example');
my $rows = $db->selectall_arrayref('SELECT val_service_id, val_user_id, valid_until FROM seal_identity');
print "valid $_->[0] $_->[1] until $_->[2]\n" for @$rows;

# The contract allows one user. The refusal is an error of SQL, which begins with its cause.
eval { provision('bob@acme.example'); 1 } or print 'refused ', $db->errstr, "\n";

# What was stored stays; what was refused left nothing.
print 'stored ', one('SELECT count(*) FROM seal_identity'), "\n";
$db->disconnect;
