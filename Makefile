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
# The command loads each *.so in it as a plugin.
PLUGINDIR ?= $(LIBDIR)/leat/plugins
# SAN=address,undefined or SAN=thread: a build with sanitizers; see asan and tsan.
SAN      ?=
# COUNT=--coverage: count what runs; see coverage.
COUNT    ?=
# WERROR=1: a warning is an error (.ci/run, lint).
WERROR   ?=

VERSION  := $(shell sed -n 's/^\#define LEAT_VERSION "\(.*\)"/\1/p' streams/leat.h)
SOVERSION := 0

# --- libraries ------------------------------------------------------------------------------------

# pkg-config name, Debian package: one of the required ones a line.
REQUIRED := libuv:libuv1-dev zlib:zlib1g-dev libzstd:libzstd-dev libarchive:libarchive-dev \
            libpcre2-8:libpcre2-dev libcrypto:libssl-dev libxxhash:libxxhash-dev
# Loaded when a stage first needs them (leat_load), not when leat starts: their soname is compiled in.
LAZY     := libarchive libcrypto libcurl libmicrohttpd libssl
soname   = $(shell objdump -p "$$($(CC) -print-file-name=$1.so)" 2>/dev/null | awk '$$1 == "SONAME" { print $$2 }')
# Word of WITH_ and HAVE_, pkg-config names (+ joined) or header/library where there is none, package.
OPTIONAL := ISAL:libisal:libisal-dev DEFLATE:libdeflate:libdeflate-dev LZ4:liblz4:liblz4-dev \
            LZMA:liblzma:liblzma-dev BZ2:bzlib.h/bz2:libbz2-dev \
            BROTLI:libbrotlienc+libbrotlidec:libbrotli-dev CURL:libcurl:libcurl4-openssl-dev \
            MICROHTTPD:libmicrohttpd:libmicrohttpd-dev

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
OPTIONAL_LIBS += $$(if $$(filter $(LAZY),$2),,$$(found_$1))
OPTIONAL_REQUIRES += $$(if $$(filter 1,$$(HAVE_$1)),$$(if $$(findstring /,$2)$$(filter $(LAZY),$2),,$$(subst +, ,$2)))
endef

# Targets that build nothing must work without the libraries.
passive := clean help deps demo check format uninstall fuzz bench check-asan check-tsan asan tsan embed
goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out $(passive),$(goals)),)
$(foreach o,$(OPTIONAL),$(eval $(call add_optional,$(call first,$o),$(call second,$o),$(call third,$o))))
ifneq ($(missing_required),)
$(error missing libraries; install the Debian packages: $(missing_required), or run `make deps`)
endif
ifneq ($(strip $(broken_with)),)
$(error $(broken_with))
endif
LIBS := $(shell $(PKG_CONFIG) --libs $(filter-out $(LAZY),$(required_names))) $(OPTIONAL_LIBS)
TEST_LIBS := $(shell $(PKG_CONFIG) --libs libcrypto)
FEATURES += $(foreach l,$(LAZY),-D$(shell echo $l | tr a-z A-Z)_SO='"$(call soname,$l)"')
LIB_CFLAGS := $(filter-out -std=%,$(shell $(PKG_CONFIG) --cflags $(required_names)))
endif

# --- flags ----------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wvla -Wformat=2 -Wundef $(if $(WERROR),-Werror)
# takes - the flag, if the compiler takes it without a warning.
takes    = $(shell echo 'int main(void) { return 0; }' | $(CC) -O2 -Werror $1 -include stdio.h -x c -c -o /dev/null - \
    2>/dev/null && echo '$1')
fortify  := $(if $(SAN)$(filter -O0 -Og,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if \
    $(call takes,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3),3,2))
# The directory of the build is not in what is built: two directories give the same bytes.
HARDEN   := -fstack-protector-strong -fstack-clash-protection $(fortify) $(call takes,-fcf-protection) \
    $(if $(SAN),,$(call takes,-ftrivial-auto-var-init=zero)) $(call takes,-ffile-prefix-map=$(CURDIR)=.)
HARDEN_LD := -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
# What a sanitizer or --coverage opens for itself, the command must not refuse.
UNCONFINED := $(if $(SAN)$(COUNT),-DSANDBOX_DEFAULT=SANDBOX_OFF) $(if $(COUNT),-DCOUNTED)
ALL_CFLAGS := -std=c11 -D_GNU_SOURCE -DZLIB_CONST -Istreams $(FEATURES) $(LIB_CFLAGS) $(WARNINGS) $(HARDEN) \
            -fPIC -fvisibility=hidden -fno-semantic-interposition -pthread $(CFLAGS) $(SANITIZE) $(COUNT) $(UNCONFINED)
ALL_LDFLAGS := -pthread -Wl,--as-needed $(HARDEN_LD) $(SANITIZE) $(COUNT) $(LDFLAGS)

# say - one short line for a command, or the command itself with V=1.
V ?=
say = $(if $(V),,@printf '  %-3s  %s\n' $1 '$2';)

# --- files ----------------------------------------------------------------------------------------

CMD_SRC  := $(sort $(wildcard cmd/*.c cmd/*/*.c))
LIB_SRC  := $(sort $(wildcard streams/*.c streams/*/*.c transforms/*/*.c transforms/*/*/*.c))
TEST_SRC := $(sort $(wildcard tests/*/test_*.c))
TEST_AID := $(filter-out $(TEST_SRC),$(sort $(wildcard tests/*.c)))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ_AID := $(filter-out $(FUZZ_SRC),$(sort $(wildcard tests/fuzz/*.c)))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))

objects  = $(patsubst %.c,$(BUILD)/obj/%.o,$1)
LIB_OBJ  := $(call objects,$(LIB_SRC))
CMD_OBJ  := $(call objects,$(CMD_SRC))
TESTS    := $(patsubst %.c,$(BUILD)/tests/%,$(notdir $(TEST_SRC)))
FUZZERS  := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(FUZZ_SRC))
BENCHES  := $(patsubst tests/bench/%.c,$(BUILD)/bench-bin/%,$(BENCH_SRC))
BOUND    := $(BUILD)/bound
INTERPOSED := $(patsubst tests/interpose/%.c,$(BUILD)/tests/%.so,$(wildcard tests/interpose/*.c))
STATIC   := $(BUILD)/libleat.a
SHARED   := $(BUILD)/libleat.so.$(SOVERSION)
LEAT     := $(BUILD)/leat
STAGES_MAN := $(BUILD)/man/leat-stages.7

.PHONY: all lib tests clean help deps
all: lib leat $(STAGES_MAN) ## the command ./leat, the libraries and the generated manual page
lib: $(STATIC) $(SHARED)
tests: $(TESTS) $(BOUND) $(INTERPOSED)

# What the objects were built with, and of which files the libraries are made: when it changes,
# they are built again.
write_if_changed = mkdir -p $(dir $1) && printf '%s\n' '$(subst ','\'',$2)' >$1.new && \
    { cmp -s $1.new $1 && rm -f $1.new || mv -f $1.new $1; }
ifneq ($(filter-out $(passive),$(goals)),)
$(shell $(call write_if_changed,$(BUILD)/flags,$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBS)))
$(shell $(call write_if_changed,$(BUILD)/sources,$(LIB_SRC) $(CMD_SRC)))
$(shell $(call write_if_changed,$(BUILD)/plugin_dir,$(PLUGINDIR)))
endif
$(BUILD)/flags $(BUILD)/sources $(BUILD)/plugin_dir: ;

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(ALL_CFLAGS) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/obj/cmd/words/plugins.o: EXTRA_CFLAGS := -DLEAT_PLUGIN_DIR='"$(PLUGINDIR)"'
$(BUILD)/obj/cmd/words/plugins.o: $(BUILD)/plugin_dir

# The headers as they are installed, for tests/examples.
$(shell mkdir -p $(BUILD)/include && ln -sfn $(CURDIR)/streams $(BUILD)/include/leat)
$(BUILD)/obj/tests/%.o: EXTRA_CFLAGS := -Itests -I$(BUILD)/include
-include $(patsubst %.o,%.d,$(call objects,$(LIB_SRC) $(CMD_SRC) $(TEST_SRC) $(TEST_AID) \
    $(FUZZ_SRC) $(FUZZ_AID) $(BENCH_SRC)))

$(STATIC): $(LIB_OBJ) $(BUILD)/sources
	@rm -f $@
	$(call say,AR,$@)$(AR) rcs $@ $(LIB_OBJ)

$(SHARED): $(LIB_OBJ) $(BUILD)/sources streams/libleat.map
	$(call say,LD,$@)$(CC) -shared -Wl,-soname,$(@F) -Wl,--version-script=streams/libleat.map -Wl,-Bsymbolic-functions $(if $(SAN),,-Wl,-z,defs) \
	    $(ALL_LDFLAGS) -o $@ $(LIB_OBJ) $(LIBS)
	@ln -sf $(@F) $(BUILD)/libleat.so

# It has the whole library, and exports its functions, for plugins.
$(LEAT): $(CMD_OBJ) $(LIB_OBJ) $(BUILD)/sources
	$(call say,LD,$@)$(CC) -pie $(ALL_LDFLAGS) -Wl,--export-dynamic -o $@ $(CMD_OBJ) $(LIB_OBJ) $(LIBS)

.PHONY: leat
leat: $(LEAT)
	@[ '$(BUILD)' != build ] || ln -f $(LEAT) leat 2>/dev/null || cp -f $(LEAT) leat

$(STAGES_MAN): $(LEAT)
	@mkdir -p $(@D)
	$(call say,MAN,$@)env -u LEAT_PLUGINS LEAT_PLUGIN_DIR= $(LEAT) man stages >$@.new && mv -f $@.new $@

# --- tests ----------------------------------------------------------------------------------------

# Every allocation and thread start of the library can be made to fail in test_alloc.
WRAPPED := malloc calloc realloc reallocarray posix_memalign aligned_alloc strdup strndup \
           pthread_create mmap
# memio.c looks at what the pool says when it ends.
TEST_LDFLAGS := -Wl,--wrap=leat_pool_done
# kept_blocks.c keeps large blocks, but not from test_alloc, which has to see each allocation.
KEPT := $(if $(findstring address,$(SAN)),$(foreach w,malloc calloc realloc posix_memalign free,-Wl,--wrap=$w))
$(BUILD)/tests/test_alloc: KEPT :=
$(BUILD)/tests/test_alloc: TEST_LDFLAGS += $(foreach w,$(WRAPPED),-Wl,--wrap=$w)
# test_named_parts makes system calls fail.
$(BUILD)/tests/test_named_parts: TEST_LDFLAGS += $(foreach w,mkdirat openat fstat,-Wl,--wrap=$w)
# test_child runs on other kernels, and has a terminal.
$(BUILD)/tests/test_child: TEST_LDFLAGS += $(foreach w,open syscall waitid,-Wl,--wrap=$w)
# test_confine runs on other kernels, and test_rules on one that writes down its rules.
$(addprefix $(BUILD)/tests/,test_confine test_rules): TEST_LDFLAGS += -Wl,--wrap=syscall
# test_disk counts syncs, and makes them fail.
$(BUILD)/tests/test_disk: TEST_LDFLAGS += -Wl,--wrap=fsync
# test_dial is the resolver, and sees which addresses are tried.
$(BUILD)/tests/test_dial: TEST_LDFLAGS += $(foreach w,getaddrinfo_a gai_error freeaddrinfo connect,-Wl,--wrap=$w)
# test_input makes reads and writes of a temporary file fail.
$(BUILD)/tests/test_input: TEST_LDFLAGS += $(foreach w,open pread pwrite,-Wl,--wrap=$w)
# test_read_holes counts what is read, and cuts a file.
$(BUILD)/tests/test_read_holes: TEST_LDFLAGS += -Wl,--wrap=read -Wl,--wrap=lseek
# test_read_last changes files between two reads, and counts how often a FIFO is opened.
$(BUILD)/tests/test_read_last: TEST_LDFLAGS += -Wl,--wrap=pread -Wl,--wrap=open
# test_pack changes files while they are read.
$(BUILD)/tests/test_pack: TEST_LDFLAGS += -Wl,--wrap=pread -Wl,--wrap=openat -Wl,--wrap=__openat_2
# test_tree, test_tree_end, test_tree_path and test_tree_small write to a file system that fails, or folds names.
$(addprefix $(BUILD)/tests/,test_tree test_tree_end test_tree_path test_tree_small): TEST_LDFLAGS += $(foreach w,openat mkdirat fstatat \
    unlinkat renameat linkat symlinkat mknodat pwrite ftruncate fchmod fchmodat futimens utimensat fchown fchownat \
    fsetxattr syscall,-Wl,--wrap=$w)
# test_repack makes the reader forget sizes, and its temporary file fail.
$(BUILD)/tests/test_repack: TEST_LDFLAGS += $(foreach w,leat_reader_next pread pwrite ftruncate,-Wl,--wrap=$w)
# test_spill makes reads and writes of its file fail.
$(BUILD)/tests/test_spill: TEST_LDFLAGS += $(foreach w,open pread pwrite,-Wl,--wrap=$w)
# test_text_spill makes the calls that use a temporary file fail.
$(BUILD)/tests/test_text_spill: TEST_LDFLAGS += $(foreach w,open pread pwrite fallocate,-Wl,--wrap=$w)
# test_transfer makes copies in the kernel short, and fail.
$(BUILD)/tests/test_transfer: TEST_LDFLAGS += $(foreach w,copy_file_range splice,-Wl,--wrap=$w)
# test_attributes refuses attributes.
$(BUILD)/tests/test_attributes: TEST_LDFLAGS += -Wl,--wrap=fsetxattr
# test_commit, test_commit_others, test_draft, test_outdir and test_stale make steps of a commit fail, or be the last one.
COMMIT_STEPS := openat linkat renameat renameat2 unlinkat flock ftruncate fchmod fsync
$(addprefix $(BUILD)/tests/,test_commit test_commit_others test_draft test_outdir test_stale): TEST_LDFLAGS += $(foreach w,$(COMMIT_STEPS),-Wl,--wrap=$w)
$(BUILD)/tests/test_outdir: TEST_LDFLAGS += $(foreach w,mkdirat fstat fstatat opendir syncfs,-Wl,--wrap=$w)

# tests/ROOM/test_NAME.c is the program tests/test_NAME.
$(foreach t,$(TEST_SRC),$(eval $(BUILD)/tests/$(basename $(notdir $t)): $(call objects,$t)))
$(TESTS): $(call objects,$(TEST_AID)) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -pie $(ALL_LDFLAGS) $(TEST_LDFLAGS) $(KEPT) -o $@ \
	    $(filter-out $(if $(KEPT),,%/kept_blocks.o),$(filter %.o,$^)) $(STATIC) $(LIBS) $(TEST_LIBS)
.PRECIOUS: $(BUILD)/obj/%.o

# All tests in one program, but those that wrap functions, include files of cmd/ twice, compare with other
# tools, or have one codec do its work in all ways for ten seconds.
QUICK_SRC := $(filter-out $(addprefix tests/%/test_,alloc.c attributes.c bottleneck.c bound.c child.c commit.c \
             commit_others.c confine.c dial.c disk.c draft.c codec_bzip2.c codec_flush.c codec_levels.c codec_more.c \
             codec_more_tools.c codec_parts.c codec_zstd_modes.c input.c named_parts.c \
             outdir.c pack.c plan.c plan_sim.c progress.c read_holes.c read_last.c repack.c rules.c spill.c stale.c text_spill.c text_uutils.c transfer.c tree.c tree_end.c \
             tree_path.c tree_small.c) $(wildcard tests/*/test_*_diff.c),$(TEST_SRC))
$(BUILD)/quick: $(call objects,$(QUICK_SRC) $(TEST_AID)) $(STATIC)
	$(call say,LD,$@)$(CC) -pie $(ALL_LDFLAGS) $(TEST_LDFLAGS) $(KEPT) -o $@ $^ $(LIBS) $(TEST_LIBS)

# The watcher of suites and commands. Sanitizers have no business in it.
$(BOUND): tests/tools/bound.c tests/bound.c tests/bound.h $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -o $@ $(filter %.c,$^)

# Preloaded into leat by tests/cli/faults.bats, nomem.bats and sandbox.bats, so that its system calls and
# allocations fail; never sanitized themselves.
$(INTERPOSED): $(BUILD)/tests/%.so: tests/interpose/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(CFLAGS) -U_FORTIFY_SOURCE -fPIC -shared -o $@ $<

$(BUILD)/bench-bin/%: $(BUILD)/obj/tests/bench/%.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- check, sanitizers, fuzzing, measuring ---------------------------------------------------------

ROOT := $(CURDIR)
# Sanitized builds of the tests; gcc has both. A stack needs lines only.
ASAN_BUILD := BUILD=build-asan SAN=address,undefined CFLAGS='-O1 -g1'
TSAN_BUILD := BUILD=build-tsan SAN=thread CFLAGS='-O1 -g1'
FUZZ_BUILD := BUILD=build-fuzz CC=clang SAN=fuzzer-no-link,address,undefined CFLAGS='-O1 -g'
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 2))
FUZZ_SECONDS ?= 60
export BENCH_DIR ?= $(ROOT)/build/bench

.PHONY: check check-run asan tsan embed report-test valgrind fuzz fuzzers fuzz-smoke bench benches lint lint-light format
check: ## install what the tests need, build, run every test; last line: N passed, N failed, N skipped
	@tests/tools/deps.sh $(REQUIRED_PACKAGES) -- $(OPTIONAL_PACKAGES) @check
	@$(MAKE) $(JOBS) --no-print-directory check-build
	@tests/tools/run.sh build=$(BUILD) $(if $(filter 0,$(SANITIZERS)),,asan=build-asan)

.PHONY: quick
quick: ## the tests of the edit loop: one program, few schedules, no other tools; minutes
	@$(MAKE) $(JOBS) --no-print-directory $(BUILD)/quick $(BOUND)
	@tests/tools/quick.sh $(BUILD)

.PHONY: coverage
# Few schedules: they run the same lines. What was counted before is removed, what was built is not. Tests run as
# other users, too, so all may write the counts.
COVERAGE_BUILD := BUILD=build-coverage CFLAGS='-O0 -g' COUNT=--coverage
coverage: ## lines and branches that the tests reach, of C and of the command, for each room
	@$(MAKE) $(JOBS) --no-print-directory $(COVERAGE_BUILD) all tests
	@find build-coverage -name '*.gcda' -delete
	@build-coverage/leat --version >/dev/null && find build-coverage -name '*.gcda' -exec chmod a+rw {} +
	@LEAT_SEEDS=$${LEAT_SEEDS:-20} LEAT_SHAPES=$${LEAT_SHAPES:-100} tests/tools/run.sh --all coverage=build-coverage || true
	@tests/tools/coverage.py build-coverage

.PHONY: check-build check-asan check-tsan check-plain
SANITIZERS ?= 1
check-build: check-plain $(if $(filter 0,$(SANITIZERS)),,check-asan)
check-plain: all tests fuzz-smoke
check-asan:
	@$(MAKE) --no-print-directory $(ASAN_BUILD) tests $(ASAN_EXTRA)
check-tsan: check-asan
	@$(MAKE) --no-print-directory $(TSAN_BUILD) tests

asan: ## every test under AddressSanitizer and UndefinedBehaviorSanitizer, the command too
	@$(MAKE) $(JOBS) --no-print-directory $(ASAN_BUILD) all tests fuzz-smoke
	@tests/tools/run.sh --all asan=build-asan

tsan: ## every test under ThreadSanitizer, the command too
	@$(MAKE) $(JOBS) --no-print-directory $(TSAN_BUILD) all tests
	@tests/tools/run.sh --all tsan=build-tsan

# The tests run one kind; a program may be of any.
EMBED_KINDS ?= c11-shared c11-static c++17-shared c++17-static
embed: ## each example program as C11 and C++17, shared and static: plain, under ASan and UBSan, and under TSan
	@$(MAKE) $(JOBS) --no-print-directory all $(BOUND)
	@$(MAKE) $(JOBS) --no-print-directory $(ASAN_BUILD) all build-asan/bound
	@$(MAKE) $(JOBS) --no-print-directory $(TSAN_BUILD) all build-tsan/bound
	@EMBED_KINDS='$(EMBED_KINDS)' tests/tools/run.sh build=$(BUILD) asan=build-asan tsan=build-tsan -- tests/cli/embed.bats

report-test: all ## the page of --report in headless Chromium, which is installed if it is not there
	@tests/tools/report.sh $(LEAT)

valgrind: all ## the main job under valgrind: no leak, no error
	@tests/tools/valgrind.sh $(LEAT)

# A fuzzer is tests/fuzz/fuzz_NAME.c; without libFuzzer, driver.c feeds it from a seed.
fuzz-smoke: $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz-smoke/%,$(FUZZ_SRC))
$(BUILD)/fuzz-smoke/%: $(BUILD)/obj/tests/fuzz/%.o $(call objects,$(FUZZ_AID)) $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -pie $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(STATIC)
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -pie $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBS)
# The generator and the model of random pipelines are those of the tests.
SHAPE_AID := $(call objects,tests/memio.c $(sort $(wildcard tests/shape*.c)))
$(BUILD)/fuzz/fuzz_shape $(BUILD)/fuzz-smoke/fuzz_shape: ALL_LDFLAGS += -Wl,--wrap=leat_pool_done
$(BUILD)/fuzz/fuzz_shape $(BUILD)/fuzz-smoke/fuzz_shape: $(SHAPE_AID)
fuzzers: $(FUZZERS)
fuzz: ## every fuzzer for FUZZ_SECONDS=60 each (clang with libFuzzer)
	@tests/tools/deps.sh $(REQUIRED_PACKAGES) -- $(OPTIONAL_PACKAGES) clang
	@$(MAKE) $(JOBS) --no-print-directory $(FUZZ_BUILD) fuzzers
	@tests/tools/fuzz.sh build-fuzz $(FUZZ_SECONDS)

benches: $(BENCHES)
bench: ## compare with the best other tools, in pairs; BENCH='gunzip copy' chooses
	@tests/tools/deps.sh $(REQUIRED_PACKAGES) -- $(OPTIONAL_PACKAGES) @bench
	@$(MAKE) $(JOBS) --no-print-directory all benches
	@tests/bench/run.sh $(BENCH)

lint: all $(BOUND) ## format, clang-tidy, cppcheck, mandoc, shellcheck, include rules, symbols, sizes
	@tests/tools/deps.sh -- @lint
	@tests/tools/run.sh lint=$(BUILD)
lint-light: all $(BOUND) ## the quick part of lint, which is in check
	@tests/tools/run.sh lint-light=$(BUILD)
format: ## let clang-format lay out every C file
	clang-format -i $(shell git ls-files '*.c' '*.h')

demo: ## install what is missing, build, make a sample, run the main job and check it with zstd
	@tests/tools/deps.sh $(REQUIRED_PACKAGES) -- $(OPTIONAL_PACKAGES) gzip zstd
	@$(MAKE) $(JOBS) --no-print-directory all
	@tests/tools/demo.sh ./leat

deps: ## install the packages that the build needs (apt-get)
	@tests/tools/deps.sh $(REQUIRED_PACKAGES) -- $(OPTIONAL_PACKAGES)

# --- install --------------------------------------------------------------------------------------

HEADERS := leat.h stage.h check.h check_run.h
MAN_PAGES := $(wildcard man/*.[1-8]) $(STAGES_MAN)
man_dir = $(DESTDIR)$(MANDIR)/man$(lastword $(subst ., ,$1))
SHARE := $(DESTDIR)$(PREFIX)/share
COMPLETIONS := bash:$(SHARE)/bash-completion/completions/leat zsh:$(SHARE)/zsh/site-functions/_leat \
    fish:$(SHARE)/fish/vendor_completions.d/leat.fish

UNIT := $(DESTDIR)$(PREFIX)/lib/systemd/system/leat-serve.service

define PC_FILE
# libleat.a links with `pkg-config --static --libs leat`, to the other libraries as shared ones. A program that
# is static as a whole (cc -static) needs a libleat built with WITH_ISAL=0, because Debian has no libisal.a, and
# -luv_a in place of -luv; it loads no plugins, nor libarchive, libcrypto, libcurl and libssl for the stages that need them.
prefix=$(PREFIX)
libdir=$(LIBDIR)
includedir=$(INCLUDEDIR)

Name: leat
Description: Stream processing in bounded memory: stages joined by backpressure
Version: $(VERSION)
Requires.private: $(strip $(filter-out $(LAZY),$(required_names)) $(OPTIONAL_REQUIRES))
Libs: -L$${libdir} -lleat
Libs.private: $(filter -lbz2,$(LIBS)) -pthread
Cflags: -I$${includedir}
endef
export PC_FILE

.PHONY: install uninstall demo
install: all ## into PREFIX=/usr/local under DESTDIR=
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/leat
	install -m 755 $(LEAT) $(DESTDIR)$(PREFIX)/bin/leat
	install -m 644 $(STATIC) $(DESTDIR)$(LIBDIR)/libleat.a
	install -m 755 $(SHARED) $(DESTDIR)$(LIBDIR)/libleat.so.$(SOVERSION)
	ln -sf libleat.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libleat.so
	install -m 644 $(addprefix streams/,$(HEADERS)) $(DESTDIR)$(INCLUDEDIR)/leat
	printf '%s\n' "$$PC_FILE" | install -m 644 /dev/stdin $(DESTDIR)$(LIBDIR)/pkgconfig/leat.pc
	$(foreach m,$(MAN_PAGES),install -D -m 644 $m $(call man_dir,$m)/$(notdir $m) &&) true
	$(foreach c,$(COMPLETIONS),install -d $(dir $(lastword $(subst :, ,$c))) && \
	    env -u LEAT_PLUGINS LEAT_PLUGIN_DIR= $(LEAT) completion $(firstword $(subst :, ,$c)) | install -m 644 /dev/stdin $(lastword $(subst :, ,$c)) &&) true
	install -D -m 644 cmd/serve/leat-serve.service $(UNIT)
	-@[ -n '$(DESTDIR)' ] || [ "$$(id -u)" != 0 ] || ldconfig # else no program finds the library

uninstall: ## remove what install puts there
	rm -f $(DESTDIR)$(PREFIX)/bin/leat $(DESTDIR)$(LIBDIR)/libleat.a $(DESTDIR)$(LIBDIR)/libleat.so \
	    $(DESTDIR)$(LIBDIR)/libleat.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/pkgconfig/leat.pc \
	    $(addprefix $(DESTDIR)$(INCLUDEDIR)/leat/,$(HEADERS)) \
	    $(foreach m,$(MAN_PAGES),$(call man_dir,$m)/$(notdir $m)) \
	    $(UNIT) $(foreach c,$(COMPLETIONS),$(lastword $(subst :, ,$c)))
	-@rmdir $(DESTDIR)$(INCLUDEDIR)/leat 2>/dev/null # unless something else is there

clean: ## remove everything that was built
	rm -rf build build-asan build-tsan build-fuzz build-coverage leat

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | \
	    while IFS=$$'\t' read -r name text; do printf '  %-11s %s\n' "$$name" "$$text"; done
	@echo
	@echo '  Variables: CC CFLAGS LDFLAGS PREFIX PLUGINDIR DESTDIR BUILD SAN V=1 WERROR=1 SANITIZERS=0 FUZZ_SECONDS'
	@echo '  WITH_ISAL WITH_DEFLATE WITH_LZ4 WITH_LZMA WITH_BZ2 WITH_BROTLI WITH_CURL WITH_MICROHTTPD = auto, 0 or 1'
