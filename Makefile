# SPDX-License-Identifier: MIT
#
# Builds, tests and checks sqlite-envelope. GNU make 4.3 or later.
#
#   make          builds build/envelope.so
#   make modules  builds the provider modules beside it
#   make help     lists every target
#
# One VARIANT is built at a time, into build/<variant>/. A gate that needs
# another one (check-asan, ...) calls this file again with VARIANT set. To add
# a source, a test, a fuzz target or a benchmark, add the file: nothing is
# listed here by name.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# --- settings: any of them can be given on the command line -----------------

VARIANT      ?= release
PYTHON       ?= /usr/bin/python3
PKG_CONFIG   ?= pkg-config
CLANG        ?= clang
CLANG_FORMAT ?= clang-format
CLANG_TIDY   ?= clang-tidy
CPPCHECK     ?= cppcheck
VALGRIND     ?= valgrind
PREFIX       ?= /usr/local
DESTDIR      ?=
# run the tests with this in their name, only
TESTS        ?=
# tests that loop do this share of their rounds
EE_SCALE     ?= 1.0
# a fresh fuzz run: seconds for each target
FUZZ_SECONDS ?= 20
# how many programs and tools run at the same time
JOBS         ?= 2

# --- variants ----------------------------------------------------------------
#
# Each sets COMPILER, TUNE (optimisation and instrumentation) and HARDEN.

COMPILER = $(CC)
TUNE     = -O2 -g
# the loadable file is optimized as a whole: rows pass through five layers
LTO      =
# some compilers predefine _FORTIFY_SOURCE to another number
HARDEN   = -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all \
           -fno-omit-frame-pointer

ifeq ($(VARIANT),release)
# -O3 inlines what a row passes through. What gcc then takes for uninitialized
# or out of bounds differs from one release of it to the next; the other variants
# have that as an error. clang does not know these warnings. Everything is bound
# when we are loaded (-z now), so a call of a library need not go through the PLT.
TUNE     = -O3 -g -fno-plt -Wno-unknown-warning-option \
           $(addprefix -Wno-error=,maybe-uninitialized stringop-overflow \
             stringop-overread array-bounds)
LTO      = $(if $(findstring clang,$(CC)),,-flto=auto)
else ifeq ($(VARIANT),portable)
# as on a processor without AES instructions
TUNE    += -DEE_PORTABLE
else ifeq ($(VARIANT),clang)
COMPILER = $(CLANG)
else ifeq ($(VARIANT),asan)
TUNE     = -O1 -g $(SANITIZE)
HARDEN   =
else ifeq ($(VARIANT),tsan)
TUNE     = -O1 -g -fsanitize=thread -fno-omit-frame-pointer
HARDEN   =
else ifeq ($(VARIANT),fuzz)
COMPILER = $(CLANG)
TUNE     = -O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link
HARDEN   =
else ifeq ($(VARIANT),cover)
TUNE     = -O0 -g --coverage
HARDEN   =
else
$(error unknown VARIANT '$(VARIANT)')
endif

# --- flags -------------------------------------------------------------------
#
# CFLAGS, CPPFLAGS and LDFLAGS are the user's and come last. What the tests
# and the .so need is asked of pkg-config when first used, which is after
# tests/setup.sh has installed it.

OUT  := build/$(VARIANT)
GEN  := build/gen
# where the loadable file goes; the release one has a path users can rely on
SO   := $(if $(filter release,$(VARIANT)),build,$(OUT))/envelope.so

WARN := -Wall -Wextra -Wshadow -Wconversion -Werror
EE_CPPFLAGS := -D_GNU_SOURCE -Iext -I$(GEN)
EE_CFLAGS    = -std=c11 $(WARN) $(TUNE) $(HARDEN) -fPIC -fvisibility=hidden \
               -pthread

# The .so reaches SQLite through the table it is handed, so it must not link
# libsqlite3: two copies of SQLite in one process corrupt databases.
# Bound when loaded: the dynamic linker saves vector registers on the stack when a
# function is first called, and they may hold what was just opened. Tests look for
# that, so their programs are bound so, too.
BOUND       := -Wl,-z,relro,-z,now
SO_LDFLAGS  := -shared -Wl,-z,nodelete $(BOUND)
SO_PKGS     := libsodium libcrypto
# Test programs have the extension compiled in (-DSQLITE_CORE) and link SQLite.
TEST_PKGS   := $(SO_PKGS) sqlite3

pkg_cflags = $(eval pkg_cflags := $(shell $(PKG_CONFIG) --cflags $(TEST_PKGS)))$(pkg_cflags)
so_libs    = $(eval so_libs := $(shell $(PKG_CONFIG) --libs $(SO_PKGS)) -ldl)$(so_libs)
test_libs  = $(eval test_libs := $(shell $(PKG_CONFIG) --libs $(TEST_PKGS)) -ldl)$(test_libs)

COMPILE = $(COMPILER) $(EE_CPPFLAGS) $(CPPFLAGS) $(EE_CFLAGS) $(pkg_cflags) \
          $(module_cflags) $(CFLAGS)

# --- modules -----------------------------------------------------------------
#
# A folder ext/<module>/ becomes envelope_<module>.so beside envelope.so. It
# links libraries that the core does without, and has its own copy of what it
# uses of ext/base and ext/crypto. Tests and fuzz targets named <module>_*.c are
# linked with it. What is of a module whose libraries are not installed is
# ABSENT, and is told of as skipped.

kms_PKGS    := libcurl jansson libssl
pkcs11_PKGS := p11-kit-1

MODULES := $(foreach m,kms pkcs11,$(if $(wildcard ext/$m/*.c),$m))
READY   := $(foreach m,$(MODULES),$(if $(filter 0,$(shell \
             $(PKG_CONFIG) --exists $($m_PKGS) 2> /dev/null; echo $$?)),$m))
UNREADY := $(filter-out $(READY),$(MODULES))
ABSENT  := $(foreach m,$(UNREADY),$(wildcard tests/*/$m_*.c))

module_src  = $(sort $(wildcard ext/$(1)/*.c))
module_obj  = $(patsubst %.c,$(OUT)/core/%.o,$(call module_src,$(1)))
module_so   = $(patsubst %,$(dir $(SO))envelope_%.so,$(1))
module_libs = $(shell $(PKG_CONFIG) --libs $(foreach m,$(1),$($m_PKGS)))
module_pkgs = $(if $(1),$(shell \
                $(PKG_CONFIG) --cflags $(foreach m,$(1),$($m_PKGS))))

# the layers below modules, from which the linker takes what they use
LOWER_SRC := $(wildcard ext/base/*.c ext/crypto/*.c)

# --- sources -----------------------------------------------------------------

LAYERS    := base crypto envelope db provider keys columns sqlite
EXT_SRC   := $(sort $(foreach l,$(LAYERS),$(wildcard ext/$l/*.c)))
SO_OBJ    := $(EXT_SRC:%.c=$(OUT)/so/%.o)
CORE_OBJ  := $(EXT_SRC:%.c=$(OUT)/core/%.o)

# ext/*/x.c includes "schema_sql.h" for ee_schema_sql, made of sql/schema.sql
GEN_HDR   := $(patsubst sql/%.sql,$(GEN)/%_sql.h,$(wildcard sql/*.sql))

# tests/unit/<layer>_<module>.c is a program; a file without underscore (tap.c)
# is linked into all of them, and into those of tests/fault
UNIT_SRC  := $(sort $(wildcard tests/unit/*_*.c))
HELP_SRC  := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c)))
UNIT_SRC  := $(filter-out $(ABSENT),$(UNIT_SRC))
# those with a header are linked into the programs for modules: inject.c into all
FAULT_HELP := $(filter-out $(ABSENT),$(filter $(wildcard tests/fault/*.c), \
               $(patsubst %.h,%.c,$(wildcard tests/fault/*.h))))
FAULT_SRC := $(filter-out $(ABSENT) $(FAULT_HELP),$(sort $(wildcard tests/fault/*.c)))
# what modules allocate by, which these programs make fail (tests/fault/inject.c)
INJECTED  := malloc free ee_cell_new ee_cell_free ee_secret_pages_new \
               ee_secret_pages_free
kms_INJECTED    := curl_easy_init curl_multi_init curl_multi_add_handle curl_url \
               curl_url_get curl_url_set curl_slist_append
pkcs11_INJECTED := p11_kit_uri_new
# applications that load the .so and link nothing of ours; files without
# underscore are linked into all of them. big_* need gigabytes: check-big
HOST_SRC  := $(sort $(wildcard tests/hosts/*_*.c))
HOST_HELP := $(sort $(filter-out $(HOST_SRC),$(wildcard tests/hosts/*.c))) \
               tests/unit/tap.c
# programs that the tests in Python call; they find them through EE_TOOLS
TOOL_SRC  := $(filter-out $(ABSENT),$(sort $(wildcard tests/tools/*.c)))
FUZZ_SRC  := $(filter-out $(ABSENT),$(sort $(wildcard tests/fuzz/*.c)))
# providers in loadable extensions of their own; they include no header of ours
# but envelope_provider.h
OTHER_SRC := $(filter-out $(ABSENT),$(sort $(wildcard tests/providers/*.c)))
# programs of many threads, for ThreadSanitizer
RACE_SRC  := $(sort $(wildcard tests/race/*.c))
# bench/ext_*.c are loadable extensions of their own, the rest are programs
BENCH_EXT := $(sort $(wildcard bench/ext_*.c))
# those with a header are linked into all of the programs
BENCH_HELP := $(patsubst %.h,%.c,$(wildcard bench/*.h))
BENCH_SRC := $(sort $(filter-out $(BENCH_EXT) $(BENCH_HELP),$(wildcard bench/*.c)))

prog       = $(patsubst %.c,$(OUT)/%,$(1))
UNIT      := $(call prog,$(UNIT_SRC))
FAULT     := $(call prog,$(FAULT_SRC))
HOST      := $(call prog,$(filter-out tests/hosts/big_%,$(HOST_SRC)))
BIG       := $(call prog,$(filter tests/hosts/big_%,$(HOST_SRC)))
TOOL      := $(call prog,$(TOOL_SRC))
FUZZ      := $(call prog,$(FUZZ_SRC))
RACE      := $(call prog,$(RACE_SRC))
BENCH     := $(call prog,$(BENCH_SRC))
BENCH_SO  := $(BENCH_EXT:%.c=$(OUT)/%.so)
OTHER_SO  := $(OTHER_SRC:%.c=$(OUT)/%.so)
MODULE_SO := $(foreach m,$(MODULES),$(call module_so,$m))
MODULE_OBJ := $(foreach m,$(MODULES),$(call module_obj,$m))
HELP_OBJ  := $(HELP_SRC:%.c=$(OUT)/%.o)
TEST_OBJ  := $(patsubst %.c,$(OUT)/%.o,$(UNIT_SRC) $(HELP_SRC) $(FAULT_SRC) $(FAULT_HELP) \
               $(HOST_SRC) $(HOST_HELP) $(TOOL_SRC) $(FUZZ_SRC) $(RACE_SRC) \
               $(BENCH_SRC) $(BENCH_HELP) $(BENCH_EXT) $(OTHER_SRC))
OBJ       := $(SO_OBJ) $(CORE_OBJ) $(MODULE_OBJ) $(TEST_OBJ)

FORMATTED := $(wildcard $(foreach d,ext/*/ ext/ tests/*/ bench/,$d*.c $d*.h))

comma := ,
empty :=
space := $(empty) $(empty)

# --- building ----------------------------------------------------------------
#
# One short line for each file; V=1 shows the commands.

say = $(if $(V),,@echo '  $(1)  $@' &&)

.PHONY: all
all: $(SO) ## build build/envelope.so

$(SO): $(SO_OBJ)
	$(call say,LD)$(COMPILE) $(LTO) $(SO_LDFLAGS) $(LDFLAGS) -o $@ $^ $(so_libs)

.PHONY: modules
modules: ## install what is missing, and build the provider modules
	@tests/setup.sh modules
	$(AGAIN) build-modules

.PHONY: build-modules
build-modules: $(SO) $(MODULE_SO) ## the same without the installing

$(OUT)/core/lower.a: $(LOWER_SRC:%.c=$(OUT)/core/%.o)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

# programs that can be of a module: unit/kms_json.c is
LINKED    = $(UNIT) $(FAULT) $(TOOL) $(FUZZ)
of_module = $(foreach d,unit fault tools fuzz providers,$(filter $(OUT)/tests/$d/$(1)_%,$(2)))

# private: prerequisites, such as the file of flags, do not inherit it
define module_rules
$(call module_so,$(1)): $(call module_obj,$(1)) $(OUT)/core/lower.a
	$$(call say,LD)$$(COMPILE) $$(SO_LDFLAGS) $$(LDFLAGS) -o $$@ $$^ \
	    $$(call module_libs,$(1)) $$(so_libs)

$(OUT)/core/ext/$(1)/%.o: private module_cflags = $$(call module_pkgs,$(1))
$(call of_module,$(1),$(TEST_OBJ)): private module_cflags = \
    $$(call module_pkgs,$(1))

$(call of_module,$(1),$(LINKED)): $(call module_obj,$(1))
$(call of_module,$(1),$(LINKED)): private more_libs = $$(call module_libs,$(1))

$(call of_module,$(1),$(FAULT)): $(OUT)/tests/fault/inject.o \
    $(call of_module,$(1),$(FAULT_HELP:%.c=$(OUT)/%.o))
$(call of_module,$(1),$(FAULT)): private more_libs = $$(call module_libs,$(1)) \
    $(addprefix -Wl$(comma)--wrap=,$(INJECTED) $($(1)_INJECTED))
endef
$(foreach m,$(MODULES),$(eval $(call module_rules,$m)))

$(OUT)/so/%.o: %.c $(OUT)/flags | $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(LTO) -MMD -MP -c -o $@ $<

# SQLITE_CORE: sqlite3_open() and the rest are called, not looked up in a table
$(OUT)/core/%.o: %.c $(OUT)/flags | $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -DSQLITE_CORE -MMD -MP -c -o $@ $<

$(patsubst %.c,$(OUT)/%.o,$(BENCH_EXT) $(OTHER_SRC)): $(OUT)/%.o: %.c $(OUT)/flags | $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -MMD -MP -c -o $@ $<

# unused-result: when chown() or symlink() fails, the test after it says so
$(OUT)/%.o: %.c $(OUT)/flags | $(GEN_HDR)
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -Wno-unused-result -DSQLITE_CORE -Itests -Itests/unit \
	    -MMD -MP -c -o $@ $<

$(UNIT) $(FAULT) $(RACE): $(OUT)/%: $(OUT)/%.o $(HELP_OBJ) $(CORE_OBJ)
	$(call say,LD)$(COMPILE) $(BOUND) $(LDFLAGS) -o $@ $^ $(test_libs) $(more_libs) -lm

$(HOST) $(BIG): $(OUT)/%: $(OUT)/%.o $(HOST_HELP:%.c=$(OUT)/%.o)
	$(call say,LD)$(COMPILE) $(BOUND) $(LDFLAGS) -o $@ $^ $(test_libs)

$(TOOL): $(OUT)/%: $(OUT)/%.o $(CORE_OBJ)
	$(call say,LD)$(COMPILE) $(BOUND) $(LDFLAGS) -o $@ $^ $(test_libs) $(more_libs) -lm

# what is measured is what is shipped: the objects of the .so, optimized as one
$(BENCH): $(OUT)/%: $(OUT)/%.o $(BENCH_HELP:%.c=$(OUT)/%.o) $(SO_OBJ)
	$(call say,LD)$(COMPILE) $(LTO) $(LDFLAGS) -o $@ $^ $(test_libs) -lm

$(FUZZ): $(OUT)/%: $(OUT)/%.o $(CORE_OBJ)
	$(call say,LD)$(COMPILE) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(test_libs) \
	    $(more_libs) -lm

$(BENCH_SO) $(OTHER_SO): $(OUT)/%.so: $(OUT)/%.o
	$(call say,LD)$(COMPILE) $(SO_LDFLAGS) $(LDFLAGS) -o $@ $^ $(so_libs)

# A SQL file becomes a C string: backslashes and quotes escaped, a \n a line.
$(GEN)/%_sql.h: sql/%.sql Makefile
	@mkdir -p $(@D)
	@{ echo '/* made of $< by make */'; \
	   echo 'static const char ee_$*_sql[] ='; \
	   sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$$/\\n"/' $<; \
	   echo '    "";'; } > $@

# Changes only when the compiler or a flag does, and then rebuilds everything.
$(OUT)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(LDFLAGS)' | cmp -s - $@ || \
	    echo '$(COMPILE) $(LDFLAGS)' > $@

.PHONY: FORCE
FORCE:

# Objects are kept, whatever make thinks of intermediate files.
.SECONDARY: $(OBJ) $(GEN_HDR)

-include $(OBJ:.o=.d)

# --- using -------------------------------------------------------------------

.PHONY: demo
demo: ## install what is missing, build, and show the main job
	@tests/setup.sh build
	@$(MAKE) --no-print-directory all
	@sh tests/demo.sh $(SO)

.PHONY: install
install: all ## copy what is built to PREFIX/lib/sqlite3 (PREFIX, DESTDIR)
	install -d '$(DESTDIR)$(PREFIX)/lib/sqlite3'
	install -m 644 $(SO) $(wildcard $(MODULE_SO)) \
	    '$(DESTDIR)$(PREFIX)/lib/sqlite3'

.PHONY: clean
clean: ## remove build/
	rm -rf build

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s%s\n", $$1, $$2 }' \
	    Makefile

# --- testing -----------------------------------------------------------------

RUN = EE_SCALE='$(EE_SCALE)' EE_TOOLS='$(CURDIR)/$(OUT)/tests/tools' \
      EE_PROVIDERS='$(CURDIR)/$(OUT)/tests/providers' \
      $(PYTHON) tests/run.py --extension $(SO) --jobs $(JOBS) \
      $(if $(TESTS),--filter '$(TESTS)')
AGAIN = +@$(MAKE) --no-print-directory

.PHONY: test
test: ## install what is missing, build, and run every test (TESTS=part)
	@tests/setup.sh test
	$(AGAIN) run-tests

.PHONY: run-tests
run-tests: $(SO) $(UNIT) $(HOST) $(TOOL) $(OTHER_SO) ## the same without the installing (VARIANT=name)
	@$(RUN) $(RUN_FLAGS) $(UNIT) $(HOST) \
	    $(patsubst %,--absent %,$(filter-out tests/fuzz/% tests/fault/%,$(ABSENT)))

.PHONY: test-providers
test-providers: ## install servers, build, and test the modules against them
	@tests/setup.sh providers
	$(AGAIN) run-providers

MODULE_UNIT = $(foreach m,$(MODULES),$(call of_module,$m,$(UNIT)))

.PHONY: run-providers
run-providers: $(SO) $(MODULE_SO) $(MODULE_UNIT) $(TOOL) $(OTHER_SO) ## the same without the installing (VARIANT=name)
	@$(RUN) --timeout 900 $(RUN_FLAGS) --providers $(MODULE_UNIT)

.PHONY: check-clang
check-clang: ## build by clang, and test
	$(AGAIN) VARIANT=clang EE_SCALE=0.2 run-tests

.PHONY: check-portable
check-portable: ## build without AES instructions, and test
	$(AGAIN) VARIANT=portable EE_SCALE=0.2 run-tests

# Python is not built with ASan, so the runtime goes in by LD_PRELOAD; what
# Python leaks is its own affair, so leaks are looked for in programs only.
.PHONY: check-asan
check-asan: export ASAN_OPTIONS = allocator_may_return_null=1:detect_stack_use_after_return=1
check-asan: export UBSAN_OPTIONS = print_stacktrace=1
check-asan: ## test under AddressSanitizer and UBSan
	$(AGAIN) VARIANT=asan EE_SCALE=0.1 RUN_FLAGS="--timeout 900 \
	    --preload $$($(CC) -print-file-name=libasan.so)" run-tests

# The programs that tests start run under valgrind too, but for those that are
# not ours to judge, and what they start.
NOT_TRACED := /bin/* /usr/bin/*sh /usr/bin/env /usr/bin/faketime \
    /usr/bin/strace /usr/bin/cc /usr/bin/*gcc* /usr/bin/*clang* /usr/bin/make \
    /usr/bin/git
MEMCHECK = $(VALGRIND) -q --error-exitcode=99 --leak-check=full \
    --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --suppressions=$(CURDIR)/tests/valgrind.supp --fair-sched=try \
    --trace-children=yes \
    --trace-children-skip=$(subst $(space),$(comma),$(strip $(NOT_TRACED)))

# test_format.py is left out: it runs no code of ours, for minutes.
.PHONY: check-valgrind
check-valgrind: ## test under valgrind's memcheck
	$(AGAIN) EE_SCALE=0.02 RUN_FLAGS='--timeout 1800 \
	    --skip format/test_format.py --wrap "$(MEMCHECK)"' run-tests

# What is not built with ThreadSanitizer (SQLite, OpenSSL) is watched at its
# locks only. It needs the addresses where old kernels put them: setarch -R.
.PHONY: check-tsan
check-tsan: export TSAN_OPTIONS = ignore_noninstrumented_modules=1:halt_on_error=1
check-tsan: ## 16 threads under ThreadSanitizer (tests/race)
	$(AGAIN) VARIANT=tsan run-race

.PHONY: run-race
run-race: $(RACE)
	@$(RUN) --timeout 300 --no-python --wrap 'setarch -R' $(RACE)

.PHONY: check-oom
check-oom: $(FAULT) ## make every allocation fail in turn (tests/fault)
	@$(RUN) --timeout 2400 --no-python $(FAULT) \
	    $(patsubst %,--absent %,$(filter tests/fault/%_oom.c,$(ABSENT)))

.PHONY: check-user
check-user: $(SO) $(UNIT) $(HOST) $(TOOL) $(OTHER_SO) ## test as a user who is not root
	@EE_SCALE=0.2 JOBS=$(JOBS) PYTHON=$(PYTHON) \
	    sh tests/as_user.sh $(SO) $(TESTS) -- $(UNIT) $(HOST)

.PHONY: check-big
check-big: $(SO) $(BIG) ## values as long as SQLite allows (5 GB of memory)
	@$(RUN) --no-python $(BIG)

# --- fuzzing -----------------------------------------------------------------
#
# Seeds are in tests/fuzz/corpus/<name>; finds go to build/fuzz/corpus/<name>.

fuzz_one = mkdir -p build/fuzz/corpus/$(1) tests/fuzz/corpus/$(1) && \
    build/fuzz/tests/fuzz/$(1) -artifact_prefix=build/fuzz/$(1)- \
        -max_total_time=$(2) -timeout=20 -rss_limit_mb=4096 \
        -print_final_stats=1 -verbosity=0 \
        build/fuzz/corpus/$(1) tests/fuzz/corpus/$(1)

.PHONY: fuzz
fuzz: ## explore one fuzz target for FUZZ_SECONDS (T=name)
	@test -n '$(T)' || { echo 'make fuzz T=name, one of: $(notdir $(FUZZ_SRC:.c=))'; exit 2; }
	$(AGAIN) VARIANT=fuzz build/fuzz/tests/fuzz/$(T)
	@$(call fuzz_one,$(T),$(FUZZ_SECONDS))

.PHONY: check-fuzz
check-fuzz: ## replay every fuzz corpus, then look further for FUZZ_SECONDS each
	$(AGAIN) VARIANT=fuzz fuzz-all

.PHONY: fuzz-all
fuzz-all: $(FUZZ)
	@set -e; $(foreach t,$(notdir $(FUZZ_SRC:.c=)), \
	    echo '--- fuzz $t: replay'; mkdir -p tests/fuzz/corpus/$t; \
	    build/fuzz/tests/fuzz/$t -runs=0 -verbosity=0 tests/fuzz/corpus/$t; \
	    echo '--- fuzz $t: $(FUZZ_SECONDS) s'; \
	    $(call fuzz_one,$t,$(FUZZ_SECONDS));) \
	echo '$(words $(FUZZ)) fuzz targets done$(patsubst tests/fuzz/%,$(comma) skipped %,$(filter tests/fuzz/%,$(ABSENT)))'

# --- speed -------------------------------------------------------------------

.PHONY: bench
bench: $(SO) $(BENCH) $(BENCH_SO) ## build and run the benchmarks (bench/README.md)
	@EE_EXTENSION='$(CURDIR)/$(SO)' EE_BENCH='$(CURDIR)/$(OUT)/bench' \
	    bash bench/run.sh

.PHONY: check-budget
check-budget: $(BENCH) ## compare instruction counts with bench's budget (callgrind)
	@EE_BENCH='$(CURDIR)/$(OUT)/bench' bash bench/budget.sh

.PHONY: budget-update
budget-update: $(BENCH) ## write bench/budget.txt anew
	@EE_BENCH='$(CURDIR)/$(OUT)/bench' bash bench/budget.sh --update

# --- reading -----------------------------------------------------------------

LINTS := $(sort $(wildcard tests/lint/*.sh))

.PHONY: lint
lint: $(SO) $(foreach m,$(READY),$(call module_so,$m)) ## layers, banned calls, sizes, rules without a citation, ...
	@rc=0; $(foreach l,$(LINTS),sh $l || rc=1;) exit $$rc

.PHONY: format
format: ## rewrite C files as .clang-format says
	$(CLANG_FORMAT) -i $(FORMATTED)

.PHONY: format-check
format-check: ## fail when `make format` would change something
	$(CLANG_FORMAT) --dry-run -Werror $(FORMATTED)

# One file a run: clang-tidy 14 carries state from file to file, and errs.
TIDY = $(CLANG_TIDY) --quiet "$$1" -- -std=c11 $(EE_CPPFLAGS) $(pkg_cflags) \
    $(call module_pkgs,$(READY))
ANALYZED = $(EXT_SRC) $(foreach m,$(READY),$(call module_src,$m))

.PHONY: analyze
analyze: $(GEN_HDR) ## clang-tidy and cppcheck
	@printf '%s\n' $(ANALYZED) | xargs -P $(JOBS) -n 1 sh -c \
	    'said=$$($(TIDY) 2>&1) || { printf "%s\n" "$$said"; exit 1; }' -
	$(CPPCHECK) --quiet -j $(JOBS) --std=c11 --inline-suppr \
	    --enable=warning,performance,portability --error-exitcode=1 \
	    --suppress=missingIncludeSystem $(EE_CPPFLAGS) $(ANALYZED)

.PHONY: cover
cover: ## line coverage of ext/ by the tests (needs lcov)
	@command -v lcov > /dev/null || { echo 'cover: install lcov'; exit 1; }
	@find build/cover -name '*.gcda' -delete 2> /dev/null || true
	$(AGAIN) VARIANT=cover EE_SCALE=0.1 run-tests
	@lcov -q -c -d build/cover -o build/cover/all.info
	@lcov -q -e build/cover/all.info '$(CURDIR)/ext/*' -o build/cover/ext.info
	@lcov --list build/cover/ext.info
