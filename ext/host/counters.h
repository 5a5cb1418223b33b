/* What the door counts of itself (counters.c), for Prometheus.
*/
#ifndef SEAL_HOST_COUNTERS_H
#define SEAL_HOST_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

typedef struct HostCounters {
  uint64_t requests[6];                  /* answered, by the first digit of their status */
  uint64_t took_us;                      /* of all of them, from the first byte on */
  uint64_t groups, messages;             /* committed, and messages in them */
  uint64_t failed;                       /* groups, commands and other jobs that failed */
  uint64_t lost;                         /* answers that nobody waited for any more */
  uint64_t connections, waiting, memory; /* now */
} HostCounters;

#define HOST_COUNTERS_SIZE 4096
/* Writes them in the Prometheus text format; gives the length. */
size_t host_counters_text(const HostCounters *counters, char out[HOST_COUNTERS_SIZE]);

#endif
