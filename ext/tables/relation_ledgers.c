/* The ledgers as relations: usage, occupancy, audit, change. Read only: the registrar writes them.
**
**    SELECT time, actor, action, object FROM seal_audit ORDER BY seq DESC LIMIT 10;
*/
#include "tables/relation/relation.h"

#define COUNT(array) ((int)(sizeof array / sizeof *array))
#define READ         SEAL_COL_READ_ONLY

#define LEDGER(NAME, CREATE, DROP, VIEW)                                                           \
  const SealRelation seal_relation_##NAME = {                                                      \
      .name = #NAME,                                                                               \
      .columns = NAME##_columns,                                                                   \
      .n_columns = COUNT(NAME##_columns),                                                          \
      .create = CREATE,                                                                            \
      .drop = DROP,                                                                                \
      .view = VIEW,                                                                                \
      .view_all = VIEW,                                                                            \
      .find = SEAL_NO_SQL,                                                                         \
      .insert = SEAL_NO_SQL,                                                                       \
      .update = SEAL_NO_SQL,                                                                       \
      .in_use = SEAL_NO_SQL,                                                                       \
      .counts = 1,                                                                                 \
  }

static const SealColumn usage_columns[] = {
    {"seq", SEAL_KIND_COUNT, READ | SEAL_COL_LOOKUP, NULL},
    {"time", SEAL_KIND_INSTANT, READ, NULL},
    {"agreement_id", SEAL_KIND_ID, READ, NULL},
    {"val_provider_id", SEAL_KIND_ID, READ, NULL},
    {"val_server_id", SEAL_KIND_ID, READ, NULL},
    {"seal_service", SEAL_KIND_SERVICE, READ, NULL},
    {"operation", SEAL_KIND_TEXT, READ, NULL},
    {"result", SEAL_KIND_COUNT, READ, NULL},
    {"conf_id", SEAL_KIND_ID, READ, NULL},
    {"identities", SEAL_KIND_COUNT, READ, NULL},
    {"key_records", SEAL_KIND_COUNT, READ, NULL},
    {"units", SEAL_KIND_TEXT, READ, NULL}, /* JSON: a member for each term that was invoked */
};
LEDGER(usage, SQL_CREATE_USAGE, SQL_DROP_USAGE, SQL_VIEW_USAGE);

static const SealColumn occupancy_columns[] = {
    {"val_provider_id", SEAL_KIND_ID, READ, NULL},
    {"agreement_id", SEAL_KIND_ID, READ, NULL},
    {"val_server_id", SEAL_KIND_ID, READ, NULL},
    {"seal_service", SEAL_KIND_SERVICE, READ, NULL},
    {"val_service_id", SEAL_KIND_ID, READ, NULL},
    {"conf_id", SEAL_KIND_ID, READ, NULL},
    {"start_time", SEAL_KIND_INSTANT, READ, NULL},
    {"stop_time", SEAL_KIND_INSTANT, READ, NULL}, /* as known now; NULL: no end is known */
    {"identities", SEAL_KIND_COUNT, READ, NULL},
    {"key_records", SEAL_KIND_COUNT, READ, NULL},
    {"term", SEAL_KIND_ID, READ, NULL}, /* the term's val_service_id: '*' too */
    {"price_per_identity_day", SEAL_KIND_DECIMAL, READ, NULL},
    {"currency", SEAL_KIND_CURRENCY, READ, NULL},
};
LEDGER(occupancy, SQL_CREATE_OCCUPANCY, SQL_DROP_OCCUPANCY, SQL_VIEW_OCCUPANCY);

static const SealColumn audit_columns[] = {
    {"seq", SEAL_KIND_COUNT, READ | SEAL_COL_LOOKUP, NULL},
    {"time", SEAL_KIND_INSTANT, READ, NULL},
    {"actor", SEAL_KIND_TEXT, READ, NULL},
    {"action", SEAL_KIND_TEXT, READ, NULL},
    {"object", SEAL_KIND_TEXT, READ, NULL},
    {"outcome", SEAL_KIND_TEXT, READ, NULL},
    {"cause", SEAL_KIND_TEXT, READ, NULL},
    {"detail", SEAL_KIND_TEXT, READ, NULL},
    {"prev_hash", SEAL_KIND_TEXT, READ, NULL},
    {"hash", SEAL_KIND_TEXT, READ, NULL},
};
LEDGER(audit, SQL_CREATE_AUDIT, SQL_DROP_AUDIT, SQL_VIEW_AUDIT);

static const SealColumn change_columns[] = {
    {"seq", SEAL_KIND_COUNT, READ | SEAL_COL_LOOKUP, NULL},
    {"time", SEAL_KIND_INSTANT, READ, NULL},
    {"seal_service", SEAL_KIND_SERVICE, READ, NULL},
    {"object", SEAL_KIND_TEXT, READ, NULL},
    {"operation", SEAL_KIND_TEXT, READ, NULL},
};
LEDGER(change, SQL_CREATE_CHANGE, SQL_DROP_CHANGE, SQL_VIEW_CHANGE);
