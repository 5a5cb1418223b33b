"""Authlib, an OAuth library of Python, before the token endpoint: metadata, private_key_jwt, JWKS, the access token.

    tclsh tests/judges/judges.tcl ../openapi authlib

Started by judges.tcl, which says how parts talk to it. Needs Debian's python3-authlib and python3-requests
(scripts/setup judges). Guards ext/messages/api_token.c and registrar/sla's tokens.
"""

import base64
import sys
import time
import traceback

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import BadSignatureError, InvalidClaimError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

CLIENT = "v2x.example"
SCOPE = "seal:identity-management seal:key-management"


def ask(action, argument=""):
    """Has judges.tcl do one of its actions; gives its text."""
    print(f"@{action} {base64.b64encode(argument.encode()).decode()}", flush=True)
    return base64.b64decode(sys.stdin.readline()).decode()


def attempt(name, work):
    """Counts a test: it fails if `work` raises, or gives False."""
    try:
        ok, detail = work() is not False, ""
    except Exception:  # whatever an implementation raises is a failure
        ok, detail = False, traceback.format_exc(limit=-3)
    print(f"{'ok' if ok else 'FAIL'} judges-authlib.{name}", flush=True)
    if not ok:
        print("".join(f"  {line}\n" for line in detail.splitlines()), end="", flush=True)


def refused(error, work):
    """True if `work` raises that error."""
    try:
        work()
    except error:
        return True
    return False


# RFC 9068 4 compares a token's iss with the issuer that was discovered.
root = ask("registrar")
ask("sql", "UPDATE seal_registrar SET identifier = api_root")
metadata = requests.get(f"{root}/.well-known/oauth-authorization-server", timeout=10).json()
endpoint = metadata["token_endpoint"]
granted = {}


def session(key_name):
    """A client with the key of that name."""
    made = OAuth2Session(CLIENT, ask("private_key", key_name), token_endpoint_auth_method="private_key_jwt", scope=SCOPE)
    made.register_client_auth_method(PrivateKeyJWT(endpoint, alg="ES256"))
    return made


def check_metadata():
    """Authlib's checks of RFC 8414, with https where the tests have http."""
    secure = {name: value.replace("http:", "https:") if isinstance(value, str) else value
              for name, value in metadata.items()}
    checked = AuthorizationServerMetadata(secure)
    # Where no grant type uses an authorization endpoint there is none, and no response type (RFC 8414 2); Authlib asks
    # for one of each all the same.
    for key in set(checked.REGISTRY_KEYS) - {"authorization_endpoint", "response_types_supported"}:
        getattr(checked, f"validate_{key}")()
    return metadata["issuer"] == root and metadata["response_types_supported"] == []


def grant():
    """A token by private_key_jwt."""
    granted.update(session("v2x").fetch_token(endpoint, grant_type="client_credentials"))
    return granted["token_type"] == "Bearer" and granted["scope"] == SCOPE and granted["expires_in"] > 0


def claims_of(audience):
    """The access token's claims, judged as RFC 9068 4 asks."""
    keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())
    options = {"iss": {"essential": True, "value": metadata["issuer"]}, "aud": {"essential": True, "value": audience},
               "sub": {"essential": True, "value": CLIENT}, "client_id": {"essential": True, "value": CLIENT},
               "exp": {"essential": True}, "iat": {"essential": True}, "jti": {"essential": True}}
    claims = JsonWebToken(["ES256"]).decode(granted["access_token"], keys, claims_options=options)
    claims.validate(now=time.time(), leeway=0)
    return claims


def validate():
    """Signature, header and claims."""
    claims = claims_of(metadata["issuer"])
    return claims.header["typ"] in ("at+jwt", "application/at+jwt") and claims["scope"] == SCOPE


def tampered():
    """A token whose signature is another one's."""
    token = granted["access_token"]
    granted["access_token"] = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    try:
        return refused(BadSignatureError, lambda: claims_of(metadata["issuer"]))
    finally:
        granted["access_token"] = token


def use():
    """The token opens an API."""
    client = OAuth2Session(CLIENT, token=granted)
    answer = client.get(f"{root}/ss-ipp/v1/configurations", timeout=10)
    return answer.status_code == 200 and answer.json() == []


attempt("metadata", check_metadata)
attempt("grant", grant)
attempt("validate", validate)
attempt("audience", lambda: refused(InvalidClaimError, lambda: claims_of("https://other.example")))
attempt("tampered", tampered)
attempt("use", use)
attempt("wrong_key", lambda: refused(
    OAuthError, lambda: session("other").fetch_token(endpoint, grant_type="client_credentials")))
