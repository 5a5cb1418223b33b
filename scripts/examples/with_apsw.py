#!/usr/bin/python3
# The registrar in Python with APSW: a VAL server with a key of its own, one user that its SLA allows, one that it does
# not.
#
#   /usr/bin/python3 scripts/examples/with_apsw.py [LIBRARY]
#
# Needs Debian's python3-apsw, or apsw of PyPI, which brings a SQLite of its own that takes extensions.
import sys

import apsw

library = sys.argv[1] if len(sys.argv) > 1 else "/usr/local/lib/seal/seal"

# The extension comes with each connection; the relations, once, with the database.
db = apsw.Connection(":memory:")
db.enableloadextension(True)
db.loadextension(library)
db.enableloadextension(False)


def run(sql, *values):
    return list(db.cursor().execute(sql, values))


def one(sql, *values):
    return run(sql, *values)[0][0]


run(one("SELECT seal_schema()"))
print("seal", one("SELECT seal_version()"))

# The contract: what acme may provision, and who acts for it.
run(
    """
    INSERT INTO seal_agreement(agreement_id, val_provider_id) VALUES ('sla-7', 'acme');
    INSERT INTO seal_term(agreement_id, seal_service, val_service_id, max_identities)
      VALUES ('sla-7', 'identity-management', 'v2x', 1);
    INSERT INTO seal_val_server(val_server_id, agreement_id) VALUES ('v2x.acme.example', 'sla-7');
    """
)

# The VAL server's key pair: the registrar is given the public half.
private_key = one("SELECT seal_generate_key()")
run(
    "INSERT INTO seal_credential(val_server_id, type, value) VALUES ('v2x.acme.example', 'jwk', seal_public_key(?))",
    private_key,
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
    run(
        "INSERT INTO seal_identity(credential, val_service_id, val_user_id, exp_time) VALUES (?, 'v2x', ?, '2098-12-31')",
        token(),
        user,
    )


provision("alice@acme.example")
for service, user, until in run("SELECT val_service_id, val_user_id, valid_until FROM seal_identity"):
    print("valid", service, user, "until", until)

# The contract allows one user. The refusal is an error of SQL, which begins with its cause; APSW puts the name of
# SQLite's error before it.
try:
    provision("bob@acme.example")
except apsw.Error as refusal:
    print("refused", str(refusal).partition(": ")[2])

# What was stored stays; what was refused left nothing.
print("stored", one("SELECT count(*) FROM seal_identity"))
db.close()
