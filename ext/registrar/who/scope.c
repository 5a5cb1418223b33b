/* Scopes (who.h): what an access token may be used for.
**
**    int unknown;
**    unsigned asked = seal_scopes_read(seal_text_from("seal:identity-management"), &unknown);
*/
#include "registrar/who/who_int.h"

#include <assert.h>
#include <string.h>

static const struct {
  unsigned scope;
  const char *name, *seal_service;
} scopes[] = {
    {SEAL_SCOPE_IDM, "seal:identity-management", SEAL_IDM},
    {SEAL_SCOPE_KM, "seal:key-management", SEAL_KM},
    {SEAL_SCOPE_PROV, "seal:key-provisioning", SEAL_KM},
};
#define N_SCOPES (sizeof scopes / sizeof *scopes)

unsigned seal_scopes_read(SealText text, int *unknown) {
  unsigned found = 0;
  *unknown = 0;
  for (int at = 0; at < text.n;) {
    int n = 0;
    while (at + n < text.n && text.p[at + n] != ' ') n++;
    unsigned one = 0;
    for (size_t i = 0; i < N_SCOPES; i++) {
      if ((size_t)n == strlen(scopes[i].name) &&
          memcmp(text.p + at, scopes[i].name, (size_t)n) == 0) {
        one = scopes[i].scope;
      }
    }
    found |= one;
    *unknown |= n > 0 && one == 0;
    at += n + 1;
  }
  return found;
}

void seal_scopes_write(unsigned set, char out[80]) {
  out[0] = 0;
  for (size_t i = 0; i < N_SCOPES; i++) {
    if ((set & scopes[i].scope) == 0) continue;
    if (out[0]) strcat(out, " ");
    strcat(out, scopes[i].name);
  }
}

const char *seal_scope_service(unsigned scope) {
  size_t i = 0;
  while (i < N_SCOPES - 1 && scopes[i].scope != scope) i++;
  assert(scopes[i].scope == scope);
  return scopes[i].seal_service;
}

unsigned seal_scopes_capif(SealText scope, const char *aef_id) {
  static const struct {
    unsigned scope;
    const char *api;
  } apis[] = {
      {SEAL_SCOPE_IDM, "ss-ipp"},
      {SEAL_SCOPE_PROV, "ss-kmpp"},
      {SEAL_SCOPE_KPP, "ss-kpp"},
      {SEAL_SCOPE_KIR, "ss-kir"},
  };
  unsigned found = 0;
  size_t n_id = strlen(aef_id);
  /* An id may hold the separators itself: so it is looked for where an entry begins, and its names go up to the next
  ** ';', which no name of an API holds. */
  for (int at = 0; at < scope.n;) {
    int end = at;
    while (end < scope.n && scope.p[end] != ';') end++;
    int ours = (size_t)(scope.n - at) > n_id && memcmp(scope.p + at, aef_id, n_id) == 0 &&
               scope.p[at + (int)n_id] == ':';
    if (ours) {
      at += (int)n_id + 1;
      end = at;
      while (end < scope.n && scope.p[end] != ';') end++;
    }
    /* The id of another function may begin with ours: no name of an API holds a ':'. */
    if (ours && end > at && memchr(scope.p + at, ':', (size_t)(end - at)) != NULL) ours = 0;
    for (int from = at, to = at; ours && from <= end; from = to + 1) {
      for (to = from; to < end && scope.p[to] != ','; to++) continue;
      for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        int same = (size_t)(to - from) == strlen(apis[i].api) &&
                   memcmp(scope.p + from, apis[i].api, (size_t)(to - from)) == 0;
        if (same) found |= apis[i].scope;
      }
    }
    at = end + 1;
  }
  return found;
}

int seal_scope_check(const SealRequester *who, const char *seal_service, int records,
                     SealError *err) {
  unsigned needed =
      strcmp(seal_service, SEAL_IDM) == 0 ? SEAL_SCOPE_IDM : SEAL_SCOPE_KM | SEAL_SCOPE_PROV;
  if (records && !(who->by_token && who->skeyprov)) {
    return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE,
                       "key records need an access token with SKeyProv");
  }
  if (records) needed |= SEAL_SCOPE_KPP;
  if (!who->by_token || who->scopes & needed) return SQLITE_OK;
  return seal_refuse(err, SEAL_INSUFFICIENT_SCOPE, "the access token's scope is not for %s",
                     seal_service);
}
