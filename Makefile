# The SEAL registrar. `make help` lists the targets.
#
#   make            builds build/seal.so
#   make demo       the main job, step by step, on real input
#   make test       all tests; with VECTORS=DIR the public test suites in DIR too
#
# demo and test install the Debian packages that are missing, by scripts/setup; then gcc (or clang),
# make and tclsh are enough. BUILD=DIR builds elsewhere, as lint and the sanitizer runs do.

BUILD   ?= build
PREFIX  ?= /usr/local
TCLSH   ?= tclsh
# The one place that has it.
VERSION := $(shell cat VERSION)
CFLAGS  ?= -O2 -g
ifeq ($(origin CC),default)
CC       = gcc
endif
# -fwrapv: a hostile database may hold any number; what is computed of it wraps, on every compiler.
WARN     = -std=c11 -Wall -Wextra -Werror -fwrapv $(WARN_ALSO)
CPPFLAGS += -Iext -I$(BUILD)/gen -D_GNU_SOURCE -DSEAL_VERSION='"$(VERSION)"' -DSEAL_CFLAGS='"$(CFLAGS)"'
LDLIBS   = -lcrypto -ljansson
# A line for each file that is made; V=1: the commands themselves.
QUIET    = $(if $(V),,@echo "  $@";)
COMPILE  = $(CC) $(WARN) -fPIC -fvisibility=hidden $(CFLAGS) $(CPPFLAGS)

# What embeds the extension is not in it.
SRC := $(sort $(shell find ext -name '*.c' -not -path 'ext/host/*'))
OBJ := $(SRC:ext/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/sql.o $(BUILD)/obj/gen/columns.o
SQL := sql/install.sql $(sort $(wildcard sql/statements/*.sql sql/relations/*.sql))

# What tests need besides the extension: a token signer, faults on demand, and a clock that they set.
TOOLS    = $(BUILD)/jwt $(BUILD)/canary $(BUILD)/fcgi $(BUILD)/libsealfault.so $(BUILD)/libsealclock.so
TCL_INC ?= /usr/include/tcl8.6

LIB   = $(DESTDIR)$(PREFIX)/lib/seal
BIN   = $(DESTDIR)$(PREFIX)/bin
SHARE = $(DESTDIR)$(PREFIX)/share/seal
MAN   = $(DESTDIR)$(PREFIX)/share/man
# Where bash looks for what completes a command.
WORDS = $(DESTDIR)$(PREFIX)/share/bash-completion/completions

.PHONY: all door help setup demo demo-door test check judges hosts fresh tools bench bench-door mutate lint \
  install uninstall clean static npm dist

all: $(BUILD)/seal.so
	@echo "built: $<"

help:
	@echo "make [all]      build $(BUILD)/seal.so"
	@echo "make door       and $(BUILD)/seal-door, the registrar behind a web server"
	@echo "make setup      install the Debian packages that are missing (demo and test do it too)"
	@echo "make demo       the main job on real input, step by step"
	@echo "make demo-door  the registrar by HTTPS, step by step: seal-door behind nginx"
	@echo "make check      the tests that guard the rooms, in less than a minute"
	@echo "make test       all tests (TESTS='jose keys.test' some; VECTORS=DIR the public suites too)"
	@echo "make judges     answers, records and tokens before programs of npm, by 3GPP's files: OPENAPI=FOLDER (PARTS=door ...)"
	@echo "make hosts      loads it in other languages' SQLite: the programs of scripts/examples"
	@echo "make fresh      demo and test on a bare machine: a new Debian in a folder of its own, as root"
	@echo "make bench      times beside their bare floors, as ratios"
	@echo "make bench-door what the HTTPS door costs; beside PostgreSQL that does the same, where it is installed"
	@echo "make mutate     edits the sources, one at a time, and says which no test finds (MUTATE=options)"
	@echo "make lint       layout, floors, warnings of both compilers, cppcheck, shellcheck"
	@echo "make install    to PREFIX=$(PREFIX), below DESTDIR if that is set; make uninstall undoes it"
	@echo "make static     $(BUILD)/static/seal.so, with OpenSSL and jansson in it, for hosts that have another OpenSSL"
	@echo "make npm        a package of npm with that in it: $(BUILD)/npm/*.tgz"
	@echo "make dist       the committed sources: $(BUILD)/seal-$(VERSION).tar.gz"
	@echo "make clean      remove what was built"

# nodelete: SQLite unloads an extension whose loading fails, but keeps what it had registered by then.
LINK = $(CC) -shared -Wl,-z,defs -Wl,-z,nodelete -Wl,--exclude-libs,ALL $(CFLAGS) $(LDFLAGS)
$(BUILD)/seal.so: $(OBJ)
	$(QUIET)$(LINK) -o $@ $(OBJ) $(LDLIBS)

# Writes what sql/ says for C only where it differs, so that an unchanged text compiles nothing.
GEN := $(addprefix $(BUILD)/gen/,sql.c sql.h columns.c columns.h relations.inc)
$(BUILD)/gen/sql.stamp: $(SQL) scripts/embed.tcl scripts/describe.tcl
	@mkdir -p $(@D)
	$(QUIET)$(TCLSH) scripts/embed.tcl $(@D) $(SQL)
$(GEN): $(BUILD)/gen/sql.stamp ;

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(QUIET)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/obj/%.o: ext/%.c $(GEN)
	@mkdir -p $(@D)
	$(QUIET)$(COMPILE) -MMD -MP -c -o $@ $<

$(BUILD)/obj/tables/function/function_scalar.o $(BUILD)/obj/host/door.o: VERSION

-include $(OBJ:.o=.d)

# The extension with OpenSSL and jansson in it, for hosts that bring an OpenSSL of their own. Nothing of either is
# seen from outside. jansson's archive is made for programs, not for libraries: it names `stdin` as only a program
# may, to compare a stream that the extension never reads with it.
STATIC  = $(BUILD)/static
ARCHIVE = $(shell $(CC) -print-file-name=lib$(1).a)

static: $(STATIC)/seal.so

$(STATIC)/seal.so: $(OBJ)
	@mkdir -p $(@D)
	objcopy --redefine-sym stdin=seal_no_stdin "$(call ARCHIVE,jansson)" $(@D)/libjansson.a
	echo 'void *const seal_no_stdin = 0;' | $(COMPILE) -xc -c -o $(@D)/stdin.o -
	$(QUIET)$(LINK) -o $@ $(OBJ) $(@D)/stdin.o "$(call ARCHIVE,crypto)" $(@D)/libjansson.a

# For the Node of this machine's kind (scripts/npm).
npm: static
	@sh scripts/npm/make "$(STATIC)/seal.so" "$(BUILD)/npm"

# The same bytes for the same commit: git gives all the commit's time. What is not committed is not in it, nor in its name.
dist:
	@mkdir -p $(BUILD)
	@name=seal-$$(git show HEAD:VERSION) && \
	  git -c tar.umask=0022 archive --format=tar --prefix="$$name/" -o $(BUILD)/dist.tar HEAD && \
	  gzip -9n <$(BUILD)/dist.tar >"$(BUILD)/$$name.tar.gz" && rm $(BUILD)/dist.tar && echo "$(BUILD)/$$name.tar.gz"

# The HTTPS door's program (ext/host): the extension, linked in, and what serves it.
HOST_SRC := $(sort $(wildcard ext/host/*.c))
HOST_OBJ := $(HOST_SRC:ext/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/gen/host_sql.o
HOST_TEXTS := $(sort $(wildcard sql/host/*.sql)) sql/reports/metrics.sql
HOST_SQL := $(addprefix $(BUILD)/gen/,host_sql.c host_sql.h)

# The shell, which starts it, needs the extension as well.
door: all $(BUILD)/seal-door

$(BUILD)/seal-door: $(HOST_OBJ) $(OBJ)
	$(QUIET)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(HOST_OBJ) $(OBJ) -lsqlite3 $(LDLIBS) -lpthread

$(BUILD)/gen/host_sql.stamp: $(HOST_TEXTS) scripts/embed.tcl scripts/describe.tcl
	@mkdir -p $(@D)
	$(QUIET)$(TCLSH) scripts/embed.tcl $(@D) host $(HOST_TEXTS)
$(HOST_SQL): $(BUILD)/gen/host_sql.stamp ;
$(HOST_OBJ): $(HOST_SQL)

-include $(HOST_OBJ:.o=.d)

tools: $(TOOLS)

$(BUILD)/jwt: tests/host/jwt.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $< -lcrypto

$(BUILD)/fcgi: tests/host/fcgi.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $<

$(BUILD)/canary: tests/host/canary.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $< -lsqlite3

$(BUILD)/libsealfault.so: tests/fault/fault.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) -fPIC -shared $(CFLAGS) -D_GNU_SOURCE -I$(TCL_INC) -o $@ $< \
	  -lsqlite3 -lcrypto -ljansson

$(BUILD)/libsealclock.so: tests/host/clock.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) -fPIC -shared $(CFLAGS) -D_GNU_SOURCE -I$(TCL_INC) -o $@ $< -lsqlite3

$(BUILD)/sla-bench: tests/bench/sla.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $< -lsqlite3 -lcrypto

setup:
	@sh scripts/setup

# After setup, in a make of their own: setup may bring the compiler.
demo: setup
	@$(MAKE) --no-print-directory all
	@BUILD="$(BUILD)" sh scripts/demo

demo-door: setup
	@$(MAKE) --no-print-directory all door
	@BUILD="$(BUILD)" sh scripts/demo-door

test: setup
	@$(MAKE) --no-print-directory all tools static door
	@$(if $(VECTORS),SEAL_VECTORS="$$(cd "$(VECTORS)" && pwd)" && export SEAL_VECTORS &&) \
	  SEAL_BUILD="$(BUILD)" $(TCLSH) tests/run.tcl $(TESTS)

# What guards the rooms, in less than a minute; make test has all.
CHECK = batch body charging clock crypto doc explain fault-f-charging flags gate held house instant interface install invoice \
  jose key-record limits message metrics notification occupancy plan rate relations rows sla token upgrade validity

check:
	@$(MAKE) --no-print-directory test TESTS="$(CHECK)"

# OPENAPI is a folder with the OpenAPI files as 3GPP publishes them; node and npm, and a network the first time. Exit 77:
# this machine can't; the last line says why.
judges: setup
	@sh scripts/setup judges
	@$(MAKE) --no-print-directory all tools door
	@SEAL_BUILD="$(BUILD)" $(TCLSH) tests/judges/judges.tcl "$(OPENAPI)" $(PARTS) || [ $$? -eq 77 ]

# What needs npm is left out, with the reason, where npm can't be reached.
hosts:
	@sh scripts/setup hosts
	@$(MAKE) --no-print-directory all static
	@sh scripts/node-hosts build-hosts || [ $$? -eq 77 ]
	@SEAL_HOSTS=debian SEAL_BUILD="$(BUILD)" $(TCLSH) tests/run.tcl hosts packages

# Exit 77: this machine can't; the last line says why.
fresh:
	@BUILD="$(BUILD)" sh scripts/fresh test || [ $$? -eq 77 ]

BENCH_C = $(filter-out tests/bench/verify.c tests/bench/sla.c,$(wildcard tests/bench/*.c))

$(BUILD)/bench: $(BENCH_C) tests/bench/bench.h
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) -D_GNU_SOURCE -o $@ $(BENCH_C) -lsqlite3 -lcrypto -ljansson

# Below the public face of the extension: linked with the floor that it measures.
$(BUILD)/bench-verify: tests/bench/verify.c $(filter $(BUILD)/obj/base/% $(BUILD)/obj/crypto/%,$(OBJ))
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) $(CPPFLAGS) -o $@ $^ $(LDLIBS)

# BENCH takes options and works: make bench BENCH="-r 10000000 lookup" (tests/bench/bench.c).
# BEFORE is another version's build, its bench made: both are measured in turns (tests/bench/against.tcl).
bench: setup
	@$(MAKE) --no-print-directory all $(BUILD)/bench $(BUILD)/bench-verify $(BUILD)/sla-bench $(BUILD)/jwt
ifneq ($(BEFORE),)
	@$(TCLSH) tests/bench/against.tcl "$(BEFORE)" "$(BUILD)" 3 "" $(BENCH)
else
	@$(BUILD)/bench -l "$(BUILD)/seal" -d "$(BUILD)/bench.db" $(BENCH)
	@$(BUILD)/bench-verify
	@mkdir -p $(BUILD)/bench-sla && cd $(BUILD)/bench-sla && \
	  SEAL_BUILD="$(abspath $(BUILD))" $(TCLSH) "$(abspath tests/bench/sla.tcl)" && \
	  SEAL_BUILD="$(abspath $(BUILD))" $(TCLSH) "$(abspath tests/bench/scale.tcl)"
endif

# The door's peer: only where PostgreSQL's client library is.
LIBPQ     = $(shell pkg-config --exists 'libpq >= 14' 2>/dev/null && echo yes)
LIBPQ_CPP = $(if $(LIBPQ),$(shell pkg-config --cflags libpq))
PEERS     = $(if $(LIBPQ),$(BUILD)/bench-postgres)

$(BUILD)/bench-postgres: tests/bench/peers/postgres.c
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(WARN) $(CFLAGS) -D_GNU_SOURCE $(LIBPQ_CPP) -o $@ $< $$(pkg-config --libs libpq) -ljansson -lcrypto -lpthread

# BENCH="10 5": seconds, and rounds. Exit 77: this machine can't; the last line says why.
bench-door: setup
	@$(MAKE) --no-print-directory all door $(BUILD)/jwt $(PEERS)
	@SEAL_BUILD="$(abspath $(BUILD))" $(TCLSH) tests/bench/door.tcl $(BENCH) || [ $$? -eq 77 ]
	@SEAL_BUILD="$(abspath $(BUILD))" $(TCLSH) tests/bench/peers/postgres.tcl $(BENCH) || [ $$? -eq 77 ]

# Hours, if MUTATE asks for many: tests/mutate/mutate.tcl says how.
mutate: setup
	@$(TCLSH) tests/mutate/mutate.tcl $(MUTATE)

C_FILES  = $(shell find ext -name '*.[ch]' -o -name '*.inc') $(wildcard tests/*/*.[ch] tests/*/*/*.[ch] scripts/examples/*.c)
SH_FILES = $(shell grep -lsE '^\#!.*/(env )?(ba)?sh$$' scripts/* .ci/run tests/*/*.sh) \
  $(wildcard scripts/shell/*.sh scripts/examples/*.sh) scripts/npm/make scripts/seal.bash-completion

# What lint asks of both compilers besides, and of each; the files that the tests build themselves as well.
LINT_WARN  = -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla -Wundef \
  -Wpointer-arith -Wwrite-strings -Wcast-align -Wformat=2 -Wno-format-nonliteral
LINT_GCC   = $(LINT_WARN) -Wsequence-point -Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches -Wlogical-op
LINT_CLANG = $(LINT_WARN) -Wunsequenced -Wimplicit-fallthrough -Wconditional-uninitialized -Wloop-analysis \
  -Wunreachable-code -Wtautological-compare -Wextra-semi -Wduplicate-enum
LINT_FILES = $(wildcard tests/host/*.c tests/fault/*.c tests/bench/*.c scripts/examples/*.c) \
  $(if $(LIBPQ),$(wildcard tests/bench/peers/*.c))
LINT_ONLY  = -fsyntax-only $(WARN) $(CPPFLAGS) -I$(TCL_INC) $(LIBPQ_CPP)

lint:
	@sh scripts/setup lint
	clang-format --dry-run -Werror $(C_FILES)
	$(TCLSH) scripts/floors
	$(MAKE) --no-print-directory BUILD=build-gcc CC=gcc WARN_ALSO="$(LINT_GCC)" all door
	$(MAKE) --no-print-directory BUILD=build-clang CC=clang WARN_ALSO="$(LINT_CLANG)" all door
	for file in $(LINT_FILES); do gcc $(LINT_ONLY) $(LINT_GCC) "$$file" || exit 1; done
	for file in $(LINT_FILES); do clang $(LINT_ONLY) $(LINT_CLANG) "$$file" || exit 1; done
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability \
	  --inline-suppr --suppress=missingIncludeSystem -Iext -Ibuild-gcc/gen $(SRC) $(HOST_SRC) \
	  $(LINT_FILES)
	shellcheck $(SH_FILES)
	mandoc -Tlint -Wwarning scripts/man/*.[17]

# Where systemd looks for units, below PREFIX as well; what they call is there.
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system

install: all door
	install -d $(LIB) $(BIN) $(SHARE)/reports $(SHARE)/shell $(SHARE)/prometheus $(SHARE)/nginx $(SHARE)/haproxy
	install -m 755 $(BUILD)/seal-door $(LIB)/seal-door
	install -m 644 scripts/nginx/nginx.conf.in $(SHARE)/nginx
	install -m 644 scripts/haproxy/haproxy.cfg $(SHARE)/haproxy
	install -d $(UNITS)/seal-clock-.service.d $(UNITS)/seal-clock-push.service.d
	cd scripts/systemd && for unit in *.service *.socket *.timer */*.conf; do \
	  sed 's|/usr/local/|$(PREFIX)/|g' "$$unit" >$(UNITS)/"$$unit" && chmod 644 $(UNITS)/"$$unit" || exit 1; done
	install -m 644 $(BUILD)/seal.so $(LIB)/seal.so
	install -m 755 scripts/seal $(BIN)/seal
	install -m 644 scripts/shell/*.sh $(SHARE)/shell
	install -m 644 VERSION sql/install.sql sql/upgrade-*.sql $(SHARE)
	install -m 644 sql/reports/*.sql $(SHARE)/reports
	install -m 644 scripts/prometheus/seal.rules.yml $(SHARE)/prometheus
	install -d $(MAN)/man1 $(MAN)/man7 $(WORDS)
	install -m 644 scripts/man/seal.1 $(MAN)/man1
	install -m 644 scripts/man/seal.7 $(MAN)/man7
	install -m 644 scripts/seal.bash-completion $(WORDS)/seal

uninstall:
	rm -f $(LIB)/seal.so $(LIB)/seal-door $(BIN)/seal $(SHARE)/VERSION $(SHARE)/install.sql $(SHARE)/upgrade-*.sql
	rm -f $(SHARE)/reports/*.sql $(SHARE)/shell/*.sh $(SHARE)/prometheus/seal.rules.yml
	rm -f $(MAN)/man1/seal.1 $(MAN)/man7/seal.7 $(WORDS)/seal
	rm -f $(SHARE)/nginx/nginx.conf.in $(SHARE)/haproxy/haproxy.cfg $(UNITS)/seal-door.s* $(UNITS)/seal-nginx.service
	rm -rf $(UNITS)/seal-clock-*
	-rmdir $(LIB) $(SHARE)/reports $(SHARE)/shell $(SHARE)/prometheus $(SHARE)/nginx $(SHARE)/haproxy $(SHARE)

clean:
	rm -rf build build-*
