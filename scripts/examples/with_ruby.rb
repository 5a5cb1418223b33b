#!/usr/bin/env ruby
# The registrar in Ruby: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
#
#   ruby scripts/examples/with_ruby.rb [LIBRARY]
#
# Needs Debian's ruby-sqlite3, or the gem sqlite3.
require 'sqlite3'

library = ARGV[0] || '/usr/local/lib/seal/seal'

# The extension comes with each connection; the relations, once, with the database.
db = SQLite3::Database.new(':memory:')
db.enable_load_extension(true)
db.load_extension(library)
db.enable_load_extension(false)
db.execute_batch(db.get_first_value('SELECT seal_schema()'))
puts "seal #{db.get_first_value('SELECT seal_version()')}"

# The contract: what acme may provision, and who acts for it.
db.execute_batch(<<~SQL)
  INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
  INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
    VALUES ('sla-7', 'identity-management', 'v2x', 1);
  INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
SQL

# The VAL server's key pair: the registrar is given the public half.
private_key = db.get_first_value('SELECT seal_generate_key()')
db.execute(<<~SQL, [private_key])
  INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))
SQL

# Each act is proved by a token that the VAL server signs; a token serves once.
token = lambda do
  db.get_first_value(<<~SQL, [private_key])
    SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example', 'aud', 'urn:seal:registrar',
      'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))), ?)
  SQL
end

provision = lambda do |user|
  db.execute(<<~SQL, [token.call, user])
    INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES (?, 'v2x', ?, '2098-12-31')
  SQL
end

provision.call('alice@acme.example')
db.execute('SELECT val_service_id, val_user_id, valid_until FROM seal_identity') do |service, user, valid_until|
  puts "valid #{service} #{user} until #{valid_until}"
end

# The contract allows one user. The refusal is an error of SQL, which begins with its cause; newer gems show the
# statement in the lines below it.
begin
  provision.call('bob@acme.example')
rescue SQLite3::Exception => refusal
  puts "refused #{refusal.message.lines.first.chomp.delete_suffix(':')}"
end

# What was stored stays; what was refused left nothing.
puts "stored #{db.get_first_value('SELECT count(*) FROM seal_identity')}"
db.close
