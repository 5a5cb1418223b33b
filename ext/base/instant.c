/* Instants (instant.h). The calendar is the proleptic Gregorian one of RFC 3339; no time zone
** data and no library clock are asked, so that the same text is the same instant everywhere.
*/
#include "base/instant.h"

#include <assert.h>
#include <stdio.h>

int64_t seal_days_of_date(int64_t year, int month, int day) {
  assert(month >= 1 && month <= 12 && day >= 1 && day <= 31);
  /* Years from March, so that a leap day comes last. */
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
         719468;
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

/* Reads exactly n digits; returns their value, or -1. */
static int digits(const char *text, int n) {
  int value = 0;
  for (int i = 0; i < n; i++) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

/* Reads "YYYY-MM-DD"; returns 0 and the days since 1970, or -1. */
static int read_date(const char *text, int64_t *days) {
  int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || text[4] != '-' || text[7] != '-') return -1;
  if (day > days_in_month(year, month)) return -1;
  *days = seal_days_of_date(year, month, day);
  return 0;
}

/* Reads what follows the seconds: an optional fraction, then Z or an offset; returns 0 and the
** offset in seconds, or -1. */
static int read_zone(const char *text, size_t n, int64_t *offset) {
  size_t i = 0;
  if (i < n && text[i] == '.') {
    for (i = 1; i < n && text[i] >= '0' && text[i] <= '9'; i++) continue;
    if (i == 1) return -1;
  }
  *offset = 0;
  if (n - i == 1 && (text[i] == 'Z' || text[i] == 'z')) return 0;
  if (n - i != 6 || (text[i] != '+' && text[i] != '-') || text[i + 3] != ':') return -1;
  int hour = digits(text + i + 1, 2), minute = digits(text + i + 4, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59) return -1;
  *offset = (hour * 60 + minute) * 60 * (text[i] == '-' ? -1 : 1);
  return 0;
}

int seal_instant_parse(const char *text, size_t n, int64_t *out) {
  int64_t days, offset;
  if (n < 10 || read_date(text, &days)) return -1;
  if (n == 10) {
    *out = days * 86400;
    return 0;
  }
  if (n < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) return -1;
  int hour = digits(text + 11, 2), minute = digits(text + 14, 2), second = digits(text + 17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return -1;
  if (text[13] != ':' || text[16] != ':' || read_zone(text + 19, n - 19, &offset)) return -1;
  int64_t t = days * 86400 + hour * 3600 + minute * 60 + second - offset;
  if (second == 60 && t % 86400 != 0) return -1; /* leap seconds end a day in UTC */
  if (t < SEAL_INSTANT_MIN || t > SEAL_INSTANT_MAX) return -1;
  *out = t;
  return 0;
}

void seal_instant_text(int64_t t, char out[SEAL_INSTANT_SIZE]) {
  if (t < SEAL_INSTANT_MIN) t = SEAL_INSTANT_MIN;
  if (t > SEAL_INSTANT_MAX) t = SEAL_INSTANT_MAX;
  int64_t days = t / 86400, second = t % 86400;
  if (second < 0) {
    second += 86400;
    days--;
  }
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted = (5 * day_of_year + 2) / 153;
  int day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
  int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
  int64_t year = era * 400 + year_of_era + (month <= 2);
  assert(year >= 0 && year <= 9999);
  snprintf(out, SEAL_INSTANT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)year, month, day,
           (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
}
