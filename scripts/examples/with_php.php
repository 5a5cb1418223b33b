<?php
// The registrar in PHP: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
//
//   php -d sqlite3.extension_dir=/usr/local/lib/seal scripts/examples/with_php.php
//
// Needs the class SQLite3: Debian's php8.2-cli and php8.2-sqlite3. It loads nothing from outside the folder that
// sqlite3.extension_dir names in php.ini, or as above. PDO can't load extensions before PHP 8.4 (Pdo\Sqlite).
$library = 'seal.so';

// The extension comes with each connection; the relations, once, with the database.
$db = new SQLite3(':memory:');
$db->enableExceptions(true);
$db->loadExtension($library);
$db->exec($db->querySingle('SELECT seal_schema()'));
echo 'seal ', $db->querySingle('SELECT seal_version()'), "\n";

function run(string $sql, array $values = []): SQLite3Result
{
    global $db;
    $statement = $db->prepare($sql);
    foreach ($values as $i => $value) {
        $statement->bindValue($i + 1, $value);
    }
    return $statement->execute();
}

function one(string $sql, array $values = [])
{
    return run($sql, $values)->fetchArray(SQLITE3_NUM)[0];
}

// The contract: what acme may provision, and who acts for it.
$db->exec("
    INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
    INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
      VALUES ('sla-7', 'identity-management', 'v2x', 1);
    INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
");

// The VAL server's key pair: the registrar is given the public half.
$private_key = one('SELECT seal_generate_key()');
run("INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))",
    [$private_key]);

// Each act is proved by a token that the VAL server signs; a token serves once.
function token(): string
{
    global $private_key;
    return one("
        SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example', 'aud', 'urn:seal:registrar',
          'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))), ?)", [$private_key]);
}

function provision(string $user): void
{
    run("INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES (?, 'v2x', ?, '2098-12-31')",
        [token(), $user]);
}

provision('alice@acme.example');
$rows = run('SELECT val_service_id, val_user_id, valid_until FROM seal_identity');
while ($row = $rows->fetchArray(SQLITE3_NUM)) {
    echo "valid $row[0] $row[1] until $row[2]\n";
}

// The contract allows one user. The refusal is an error of SQL, which begins with its cause.
try {
    provision('bob@acme.example');
} catch (Exception $refusal) {
    echo 'refused ', $db->lastErrorMsg(), "\n";
}

// What was stored stays; what was refused left nothing.
echo 'stored ', one('SELECT count(*) FROM seal_identity'), "\n";
