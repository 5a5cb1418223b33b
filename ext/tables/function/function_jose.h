/* Tokens, thumbprints and key pairs as SQL sees them: seal_jws, seal_jwt, seal_thumbprint, seal_public_key, which are
** pure: they look at their arguments alone; and seal_generate_key and seal_sign, which draw numbers too.
**
**    SELECT ok, reason, payload FROM seal_jws(:token, :jwks);
**    SELECT claims ->> 'client_id' FROM seal_jwt(:token, :jwks, '{"at": "2026-11-30"}') WHERE ok;
**    SELECT seal_thumbprint(readfile('acme.jwk'));
*/
#ifndef SEAL_FUNCTION_JOSE_H
#define SEAL_FUNCTION_JOSE_H

#include "sqlite3ext.h"
#include "crypto/jose/jose.h"

/* Registers them on db. `c` is the caller's and is used until the connection closes, up to
** the destructors of its modules. Gives SQLITE_OK or an error code. */
int seal_jose_register(sqlite3 *db, SealCrypto *c);

#endif
