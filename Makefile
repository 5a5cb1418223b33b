# The SEAL registrar. `make help` lists the targets.
#
#   make            builds build/seal.so
#   make demo       the main job, step by step, on real input
#   make test       all tests; with VECTORS=DIR the public test suites in DIR too
#
# demo and test install the Debian packages that are missing, by scripts/setup.

BUILD   ?= build
PREFIX  ?= /usr/local
CC      ?= gcc
TCLSH   ?= tclsh
CFLAGS  ?= -O2 -g
WARN     = -std=c11 -Wall -Wextra -Werror
CPPFLAGS += -Iext -I$(BUILD)/gen -D_GNU_SOURCE -DSEAL_CFLAGS='"$(CFLAGS)"'
LDLIBS   = -lcrypto -ljansson

SRC := $(sort $(wildcard ext/*.c ext/*/*.c))
OBJ := $(SRC:ext/%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/sql.o
SQL := sql/install.sql $(sort $(wildcard sql/statements/*.sql))

.PHONY: all help setup demo test bench lint install uninstall clean

all: $(BUILD)/seal.so

help:
	@echo "make [all]      build $(BUILD)/seal.so"
	@echo "make demo       the main job on real input, step by step"
	@echo "make test       all tests (TESTS=... some, VECTORS=DIR the public suites too)"
	@echo "make bench      times beside their bare floors, as ratios"
	@echo "make lint       layout, floors, warnings of both compilers"
	@echo "make install    to PREFIX=$(PREFIX), below DESTDIR if that is set; make uninstall undoes it"
	@echo "make clean      removes $(BUILD)"

$(BUILD)/seal.so: $(OBJ)
	$(CC) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL $(CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(LDLIBS)

$(BUILD)/gen/sql.c: $(SQL) scripts/embed.tcl
	@mkdir -p $(BUILD)/gen
	$(TCLSH) scripts/embed.tcl $(BUILD)/gen $(SQL)
$(BUILD)/gen/sql.h: $(BUILD)/gen/sql.c ;

$(BUILD)/obj/sql.o: $(BUILD)/gen/sql.c
	@mkdir -p $(@D)
	$(CC) $(WARN) -fPIC -fvisibility=hidden $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(BUILD)/obj/%.o: ext/%.c $(BUILD)/gen/sql.h
	@mkdir -p $(@D)
	$(CC) $(WARN) -fPIC -fvisibility=hidden -MMD -MP $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

-include $(OBJ:.o=.d)

clean:
	rm -rf $(BUILD)
