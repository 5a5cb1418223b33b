/* The ledgers as relations: usage, occupancy, charge, audit, refusal, change. Read only: the registrar writes them. What
** rows add up to is written before one is read.
**
**    SELECT time, actor, action, object FROM seal_audit ORDER BY seq DESC LIMIT 10;
*/
#include "tables/relation/relation.h"

const SealRelation seal_relation_usage = {.is = &seal_description_usage, .counts = 1};
const SealRelation seal_relation_occupancy = {.is = &seal_description_occupancy, .counts = 1};
const SealRelation seal_relation_charge = {.is = &seal_description_charge, .counts = 1};
const SealRelation seal_relation_audit = {.is = &seal_description_audit, .counts = 1};
const SealRelation seal_relation_refusal = {.is = &seal_description_refusal, .counts = 1};
const SealRelation seal_relation_change = {.is = &seal_description_change, .counts = 1};
