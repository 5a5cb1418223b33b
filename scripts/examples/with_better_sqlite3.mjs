// The registrar in Node, by better-sqlite3: a VAL server with a key of its own, one user that its SLA allows, one that
// it does not.
//
//   npm install better-sqlite3
//   node scripts/examples/with_better_sqlite3.mjs [LIBRARY]
//
// Node brings an OpenSSL of its own: take the library of `make static`, or of the package of `make npm`:
// import { load } from 'sqlite-seal'; load(db). The package better-sqlite3 is looked for from the folder it is run in.
import { createRequire } from 'node:module';

const Database = createRequire(process.cwd() + '/')('better-sqlite3');
const library = process.argv[2] ?? '/usr/local/lib/seal/seal';

// The extension comes with each connection; the relations, once, with the database.
const db = new Database(':memory:');
db.loadExtension(library);

// The first value that a statement gives.
const one = (sql, ...values) => db.prepare(sql).pluck().get(...values);

db.exec(one('SELECT seal_schema()'));
console.log('seal', one('SELECT seal_version()'));

// The contract: what acme may provision, and who acts for it.
db.exec(`
  INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
  INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
    VALUES ('sla-7', 'identity-management', 'v2x', 1);
  INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
`);

// The VAL server's key pair: the registrar is given the public half.
const privateKey = one('SELECT seal_generate_key()');
db.prepare("INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))")
  .run(privateKey);

// Each act is proved by a token that the VAL server signs; a token serves once.
const token = () => one(`
  SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example', 'aud', 'urn:seal:registrar',
    'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))), ?)`, privateKey);

const provision = (user) => db
  .prepare("INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES (?, 'v2x', ?, '2098-12-31')")
  .run(token(), user);

provision('alice@acme.example');
for (const row of db.prepare('SELECT val_service_id, val_user_id, valid_until FROM seal_identity').all()) {
  console.log('valid', row.val_service_id, row.val_user_id, 'until', row.valid_until);
}

// The contract allows one user. The refusal is an error of SQL, which begins with its cause.
try {
  provision('bob@acme.example');
} catch (refusal) {
  console.log('refused', refusal.message);
}

// What was stored stays; what was refused left nothing.
console.log('stored', one('SELECT count(*) FROM seal_identity'));
db.close();
