/* JSON text in SQLite's memory: what is written out, and small members that are read.
**
**    seal_json_append(out, "a\"b", 3);                       "a\"b", quoted and escaped
**    SealText id = seal_json_member(object, "val_server_id");
*/
#ifndef SEAL_JSON_TEXT_H
#define SEAL_JSON_TEXT_H

#include "base/json.h"
#include "store/store.h"

/* JSON as compact text, the caller's (sqlite3_free); NULL: out of memory. */
char *seal_json_dump(const json_t *json);
/* Appends n bytes of UTF-8 as a JSON string. */
void seal_json_append(sqlite3_str *out, const char *p, size_t n);
/* How many bytes that appends. */
size_t seal_json_length(const char *p, size_t n);
/* A member of an object that is a string: p of NULL if it is anything else, or absent. */
SealText seal_json_member(const json_t *object, const char *name);

#endif
