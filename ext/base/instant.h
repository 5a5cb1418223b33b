/* Instants: seconds since 1970-01-01T00:00:00Z in memory and in storage, RFC 3339 outside.
**
**    int64_t t;
**    char text[SEAL_INSTANT_SIZE];
**    if (seal_instant_parse("2026-11-30T01:00:00+01:00", 25, &t) == 0) {
**      seal_instant_text(t, text);   // 2026-11-30T00:00:00Z
**    }
*/
#ifndef SEAL_BASE_INSTANT_H
#define SEAL_BASE_INSTANT_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_INSTANT_SIZE 80 /* bytes with the NUL; 21 are used, the compiler can't know it */
#define SEAL_INSTANT_MIN  (-62167219200) /* 0000-01-01T00:00:00Z */
#define SEAL_INSTANT_MAX  253402300799   /* 9999-12-31T23:59:59Z */
/* "No instant": unbounded. Above every instant, so that the earliest of several bounds is min(). */
#define SEAL_UNBOUNDED INT64_MAX

/* Reads RFC 3339 with any offset, or a date alone (midnight UTC), of n bytes. A fraction of a
** second is dropped; a leap second is the first second of the next minute. Returns 0, or -1 if
** the text is anything else, and *out is then as it was. */
int seal_instant_parse(const char *text, size_t n, int64_t *out);

/* Writes an instant as RFC 3339 in UTC with a NUL; one outside of the years 0 to 9999 is written
** as the nearest year's end. */
void seal_instant_text(int64_t t, char out[SEAL_INSTANT_SIZE]);

/* Gives the days from 1970-01-01 to a date of the proleptic Gregorian calendar, of any year: month 1 to
** 12, day 1 to 31, and a day that the month does not have counts on into the next. */
int64_t seal_days_of_date(int64_t year, int month, int day);

#endif
