#!/usr/bin/python3
# The registrar in Python: a VAL server with a key of its own, one user that its SLA allows, one that it does not.
#
#   /usr/bin/python3 scripts/examples/with_python.py [LIBRARY]
#
# Needs a Python whose sqlite3 module was built with extensions: Debian's is; pyenv's, python.org's and others may not
# be, and say AttributeError: enable_load_extension. There, take with_apsw.py.
import sqlite3
import sys

library = sys.argv[1] if len(sys.argv) > 1 else "/usr/local/lib/seal/seal"

# The extension comes with each connection; the relations, once, with the database.
db = sqlite3.connect(":memory:", isolation_level=None)
db.enable_load_extension(True)
db.load_extension(library)
db.enable_load_extension(False)


def one(sql, *values):
    return db.execute(sql, values).fetchone()[0]


db.executescript(one("SELECT seal_schema()"))
print("seal", one("SELECT seal_version()"))

# The contract: what acme may provision, and who acts for it.
db.executescript(
    """
    INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
    INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
      VALUES ('sla-7', 'identity-management', 'v2x', 1);
    INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
    """
)

# The VAL server's key pair: the registrar is given the public half.
private_key = one("SELECT seal_generate_key()")
db.execute(
    "INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))",
    (private_key,),
)


# Each act is proved by a token that the VAL server signs; a token serves once.
def token():
    return one(
        """
        SELECT seal_sign(json_object('iss', 'v2x.acme.example', 'sub', 'v2x.acme.example', 'aud', 'urn:seal:registrar',
          'iat', unixepoch(), 'exp', unixepoch() + 300, 'jti', hex(randomblob(16))), ?)
        """,
        private_key,
    )


def provision(user):
    db.execute(
        "INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES (?, 'v2x', ?, '2098-12-31')",
        (token(), user),
    )


provision("alice@acme.example")
for service, user, until in db.execute("SELECT val_service_id, val_user_id, valid_until FROM seal_identity"):
    print("valid", service, user, "until", until)

# The contract allows one user. The refusal is an error of SQL, which begins with its cause.
try:
    provision("bob@acme.example")
except sqlite3.Error as refusal:
    print("refused", refusal)

# What was stored stays; what was refused left nothing.
print("stored", one("SELECT count(*) FROM seal_identity"))
db.close()
