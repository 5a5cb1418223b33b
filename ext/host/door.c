/* seal-door: the registrar behind a web server that ends TLS (nginx, HAProxy), which speaks FastCGI with it.
**
**    seal-door --db seal.db --key seal.key --socket door.sock --log door.log
**
** It is started by `seal serve`, or by systemd, whose socket it takes. SIGTERM ends it once what it has is answered, SIGHUP makes
** it read its key, open the database and open its log anew. Exit 0: it was ended; 2: wrong usage; 3: it can't start, and says why.
*/
#include "host/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMER_S    60
#define TIMER_MAX  86400
#define MEMORY_MIB 256
#define MEMORY_MAX 65536
#define GROUP      64

static const char usage[] =
    "usage: seal-door --db FILE [--socket PATH] [--key FILE] [--log FILE]\n"
    "         [--timer SECONDS] [--run PROGRAM [--charging URL]] [--memory MIB]\n"
    "         [--group N]\n"
    "\n"
    "  --db FILE        the registrar's database\n"
    "  --socket PATH    where web servers speak FastCGI; none: systemd's\n"
    "  --key FILE       the key of its secrets; none: what needs it is answered 503\n"
    "  --log FILE       a line of JSON for each request; none: stderr\n"
    "  --timer SECONDS  between the rounds of notice and charge, hourly of\n"
    "                   sweep: 60; 0: none\n"
    "  --run PROGRAM    scripts/seal, which the rounds run to deliver\n"
    "  --charging URL   the apiRoot of the charging function that takes the records\n"
    "  --memory MIB     for the bodies of all requests at a time: 256\n"
    "  --group N        messages in a transaction at most, 1 to 256: 64\n";

typedef struct Option {
  const char *name;
  const char **text; /* or */
  long *number, least, most;
} Option;

/* A number, all of the text. -1: it is none, or outside of the option's bounds. */
static int take_number(const Option *option, const char *text) {
  char *end;
  long n = strtol(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || n < option->least || n > option->most)
    return -1;
  *option->number = n;
  return 0;
}

/* Reads the arguments. Returns 0, or -1 with what is wrong on stderr. */
static int take_arguments(int argc, char **argv, const Option *options) {
  for (int i = 1; i < argc; i += 2) {
    const Option *option = options;
    while (option->name != NULL && strcmp(option->name, argv[i]) != 0) option++;
    if (option->name == NULL) {
      (void)fprintf(stderr, "seal-door: there is no option %s (--help)\n", argv[i]);
      return -1;
    }
    if (i + 1 >= argc || argv[i + 1][0] == '\0') {
      (void)fprintf(stderr, "seal-door: %s needs a value\n", argv[i]);
      return -1;
    }
    if (option->text != NULL) {
      *option->text = argv[i + 1];
    } else if (take_number(option, argv[i + 1]) != 0) {
      (void)fprintf(stderr, "seal-door: %s takes a number from %ld to %ld\n", argv[i],
                    option->least, option->most);
      return -1;
    }
  }
  return 0;
}

int main(int argc, char **argv) {
  HostOptions what = {.socket = NULL};
  long timer = TIMER_S, memory = MEMORY_MIB, group = GROUP;
  const Option options[] = {
      {"--db", &what.database.db, NULL, 0, 0},
      {"--key", &what.database.key_file, NULL, 0, 0},
      {"--socket", &what.socket, NULL, 0, 0},
      {"--log", &what.log, NULL, 0, 0},
      {"--run", &what.run, NULL, 0, 0},
      {"--charging", &what.charging, NULL, 0, 0},
      {"--timer", NULL, &timer, 0, TIMER_MAX},
      {"--memory", NULL, &memory, 16, MEMORY_MAX},
      {"--group", NULL, &group, 1, HOST_GROUP_MAX},
      {NULL, NULL, NULL, 0, 0},
  };
  char error[HOST_ERROR_SIZE];
  if (argc == 2 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout) < 0 ? 3 : 0;
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    return puts("seal-door " SEAL_VERSION) < 0 ? 3 : 0;
  if (take_arguments(argc, argv, options) != 0) return 2;
  if (what.database.db == NULL) {
    (void)fprintf(stderr, "seal-door: --db FILE is needed\n%s", usage);
    return 2;
  }
  what.timer = (int)timer;
  what.memory = (size_t)memory << 20;
  what.group = (int)group;
  if (host_loop_run(&what, error) != 0) {
    (void)fprintf(stderr, "seal-door: %s\n", error);
    return 3;
  }
  return 0;
}
