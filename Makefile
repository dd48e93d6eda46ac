# Makefile - builds, tests, measures and installs leat. GNU make; nothing is generated first.
#
# A new .c file in a room is picked up by name: no edit here. `make help` lists the targets.
# Optional libraries: WITH_ISAL=auto|0|1 and so on; auto takes what pkg-config finds.

.DEFAULT_GOAL := all
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

CC       ?= gcc
ifeq ($(origin CC),default)
CC       := gcc
endif
AR       ?= ar
ifeq ($(origin AR),default)
AR       := ar
endif
PKG_CONFIG ?= pkg-config
CFLAGS   ?= -O2 -g
BUILD    ?= build
PREFIX   ?= /usr/local
DESTDIR  ?=
LIBDIR   ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR   ?= $(PREFIX)/share/man
# SAN=address,undefined or SAN=thread: a build with sanitizers; see asan and tsan.
SAN      ?=
# WERROR=1: a warning is an error (.ci/run, lint).
WERROR   ?=

VERSION  := $(shell sed -n 's/^\#define LEAT_VERSION "\(.*\)"/\1/p' streams/leat.h)
SOVERSION := 0

# --- libraries ------------------------------------------------------------------------------------

# pkg-config name, Debian package: one of the required ones a line.
REQUIRED := libuv:libuv1-dev zlib:zlib1g-dev libzstd:libzstd-dev libarchive:libarchive-dev \
            libpcre2-8:libpcre2-dev libcrypto:libssl-dev libxxhash:libxxhash-dev
# Word of WITH_ and HAVE_, pkg-config names (+ joined) or header/library where there is none, package.
OPTIONAL := ISAL:libisal:libisal-dev DEFLATE:libdeflate:libdeflate-dev LZ4:liblz4:liblz4-dev \
            LZMA:liblzma:liblzma-dev BZ2:bzlib.h/bz2:libbz2-dev \
            BROTLI:libbrotlienc+libbrotlidec:libbrotli-dev

first  = $(word 1,$(subst :, ,$1))
second = $(word 2,$(subst :, ,$1))
third  = $(word 3,$(subst :, ,$1))

required_names := $(foreach r,$(REQUIRED),$(call first,$r))
REQUIRED_PACKAGES := $(foreach r,$(REQUIRED),$(call second,$r))
OPTIONAL_PACKAGES := $(foreach o,$(OPTIONAL),$(call third,$o))
missing_required = $(strip $(foreach r,$(REQUIRED),$(shell \
    $(PKG_CONFIG) --exists $(call first,$r) 2>/dev/null || echo $(call second,$r))))

# find_library - the library's link flags, or nothing if it is not there.
hash := \#
find_header  = $(shell printf '$(hash)include <stdio.h>\n$(hash)include <%s>\n' $(firstword $(subst /, ,$1)) | \
    $(CC) -x c -fsyntax-only - 2>/dev/null && echo -l$(lastword $(subst /, ,$1)))
find_package = $(shell $(PKG_CONFIG) --libs $(subst +, ,$1) 2>/dev/null)
find_library = $(if $(findstring /,$1),$(call find_header,$1),$(call find_package,$1))

# add_optional - sets HAVE_X and adds to LIBS; $1 word, $2 how to find it, $3 package.
define add_optional
WITH_$1 ?= auto
found_$1 := $$(if $$(filter 0,$$(WITH_$1)),,$$(call find_library,$2))
ifeq ($$(WITH_$1)$$(found_$1),1)
broken_with += WITH_$1=1 needs the Debian package $3;
endif
HAVE_$1 := $$(if $$(strip $$(found_$1)),1,0)
FEATURES += -DHAVE_$1=$$(HAVE_$1)
OPTIONAL_LIBS += $$(found_$1)
OPTIONAL_REQUIRES += $$(if $$(filter 1,$$(HAVE_$1)),$$(if $$(findstring /,$2),,$$(subst +, ,$2)))
endef

# Targets that build nothing must work without the libraries.
passive := clean help deps demo check format uninstall
goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out $(passive),$(goals)),)
$(foreach o,$(OPTIONAL),$(eval $(call add_optional,$(call first,$o),$(call second,$o),$(call third,$o))))
ifneq ($(missing_required),)
$(error missing libraries; install the Debian packages: $(missing_required), or run `make deps`)
endif
ifneq ($(strip $(broken_with)),)
$(error $(broken_with))
endif
LIBS := $(shell $(PKG_CONFIG) --libs $(required_names)) $(OPTIONAL_LIBS)
LIB_CFLAGS := $(filter-out -std=%,$(shell $(PKG_CONFIG) --cflags $(required_names)))
endif

# --- flags ----------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef $(if $(WERROR),-Werror)
fortify  := $(if $(SAN)$(filter -O0 -Og,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN   := -fstack-protector-strong -fstack-clash-protection $(fortify)
HARDEN_LD := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -Istreams $(FEATURES) $(LIB_CFLAGS) $(WARNINGS) $(HARDEN) \
            -fPIC -fvisibility=hidden -fno-semantic-interposition -pthread $(CFLAGS) $(SANITIZE)
ALL_LDFLAGS := -pthread -Wl,--as-needed $(HARDEN_LD) $(SANITIZE) $(LDFLAGS)

# --- files ----------------------------------------------------------------------------------------

CMD_SRC  := $(sort $(wildcard cmd/*.c))
LIB_SRC  := $(sort $(wildcard streams/*.c streams/io/*.c transforms/*/*.c))
TEST_SRC := $(sort $(wildcard tests/test_*.c))
TEST_AID := $(filter-out $(TEST_SRC),$(sort $(wildcard tests/*.c)))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_AID := $(filter-out $(FUZZ_SRC),$(sort $(wildcard tests/fuzz/*.c)))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))

objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$1)
LIB_OBJ  := $(call objects,$(LIB_SRC))
CMD_OBJ  := $(call objects,$(CMD_SRC))
TESTS    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(TEST_SRC))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench-bin/%,$(BENCH_SRC))
STATIC   := $(BUILD)/libleat.a
SHARED   := $(BUILD)/libleat.so.$(SOVERSION)
LEAT     := $(BUILD)/leat
STAGES_MAN := $(BUILD)/man/leat-stages.7

.PHONY: all lib tests clean help deps
all: lib leat $(STAGES_MAN) ## the command ./leat, the libraries and the generated manual page
lib: $(STATIC) $(SHARED)
tests: $(TESTS)

# What the objects were built with, and of which files the libraries are made: when it changes,
# they are built again.
write_if_changed = mkdir -p $(dir $1) && printf '%s\n' '$(subst ','\'',$2)' >$1.new && \
    { cmp -s $1.new $1 && rm -f $1.new || mv -f $1.new $1; }
ifneq ($(filter-out $(passive),$(goals)),)
$(shell $(call write_if_changed,$(BUILD)/flags,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS)))
$(shell $(call write_if_changed,$(BUILD)/sources,$(LIB_SRC) $(CMD_SRC)))
endif
$(BUILD)/flags $(BUILD)/sources: ;

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/tests/%.o: EXTRA_CFLAGS := -Itests
-include $(patsubst %.o,%.d,$(call objects,$(LIB_SRC) $(CMD_SRC) $(TEST_SRC) $(TEST_AID) \
    $(FUZZ_SRC) $(FUZZ_AID) $(BENCH_SRC)))

$(STATIC): $(LIB_OBJ) $(BUILD)/sources
	@rm -f $@
	$(AR) rcs $@ $(LIB_OBJ)

$(SHARED): $(LIB_OBJ) $(BUILD)/sources
	$(CC) -shared -Wl,-soname,$(@F) -Wl,-Bsymbolic-functions $(if $(SAN),,-Wl,-z,defs) \
	    $(ALL_LDFLAGS) -o $@ $(LIB_OBJ) $(LIBS)
	ln -sf $(@F) $(BUILD)/libleat.so

$(LEAT): $(CMD_OBJ) $(STATIC) $(BUILD)/sources
	$(CC) -pie $(ALL_LDFLAGS) -o $@ $(CMD_OBJ) $(STATIC) $(LIBS)

.PHONY: leat
leat: $(LEAT)
	@[ '$(BUILD)' != build ] || ln -f $(LEAT) leat 2>/dev/null || cp -f $(LEAT) leat

$(STAGES_MAN): $(LEAT)
	@mkdir -p $(@D)
	$(LEAT) man stages >$@.new && mv -f $@.new $@

# --- tests ----------------------------------------------------------------------------------------

# Every allocation and thread start of the library can be made to fail in test_alloc.
WRAPPED := malloc calloc realloc reallocarray posix_memalign aligned_alloc strdup strndup \
           pthread_create open_memstream mmap
$(BUILD)/tests/test_alloc: TEST_LDFLAGS := $(foreach w,$(WRAPPED),-Wl,--wrap=$w)

$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(call objects,$(TEST_AID)) $(STATIC)
	@mkdir -p $(@D)
	$(CC) -pie $(ALL_LDFLAGS) $(TEST_LDFLAGS) -o $@ $^ $(LIBS)
.PRECIOUS: $(BUILD)/obj/%.o

$(BUILD)/bench-bin/%: $(BUILD)/obj/tests/bench/%.o $(STATIC)
	@mkdir -p $(@D)
	$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
