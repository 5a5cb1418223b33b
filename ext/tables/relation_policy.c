/* seal_policy: VAL-service-specific configuration that the SEAL servers of a service are given.
**
**    INSERT INTO seal_policy(seal_service, val_service_id, name, value)
**    VALUES ('identity-management', 'v2x', 'retention', '{"days": 30}');
*/
#include "tables/relation/checks.h"

static int policy_check(SealRow *row) {
  return seal_check_window(row, POLICY_START_TIME, POLICY_EXP_TIME);
}

const SealRelation seal_relation_policy = {
    .is = &seal_description_policy,
    .check = policy_check,
};
