# The door. `make up` brings the cloud up on this machine; `make test` runs every test.

SHELL := /bin/sh
CARGO := tools/cargo
BUILT := $(or $(CARGO_TARGET_DIR),target)
# A person who became root by `su` may lack the folders of the system's programs.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
ROOT  ?= /var/lib/bythos
# A chart that uses every feature of charts.
CHART := crates/formats/helm/tests/charts/features

.PHONY: help
help:
	@echo "make up      install what this machine lacks, build, and run the cloud in $(ROOT)"
	@echo "make down    stop it; all data stays"
	@echo "make test    install what the tests need, and run every test"
	@echo "make test-vm a whole machine in qemu: install, update, restart, loss of power"
	@echo "make lint    formatting, lints, documentation, and who may know whom"
	@echo "make fuzz    feed the parsers of outside bytes with nonsense; see fuzz/README.md"
	@echo "make dist    build the binary that is given to others, in $(BUILT)/dist: less of it is in memory"
	@echo "make bench   measure the figures of the README and write them there"

.PHONY: up
up:
	@echo "==> 1/3 packages"
	@tools/packages up
	@echo "==> 2/3 building Bythos (some minutes the first time)"
	@$(CARGO) build --locked --release --package bythos
	@echo "==> 3/3 starting"
	@exec $(BUILT)/release/bythos --root $(ROOT) up

.PHONY: down
down:
	@$(BUILT)/release/bythos --root $(ROOT) down

.PHONY: test
test:
	@echo "==> 1/3 packages"
	@tools/packages test
	@echo "==> 2/3 building (some minutes the first time)"
	@$(CARGO) build --locked --workspace --all-targets
	@echo "==> 3/3 testing"
	@$(CARGO) test --locked --workspace --no-fail-fast

.PHONY: test-vm
test-vm:
	@tools/packages vm
	@$(CARGO) build --locked --release --package bythos
	@tools/test-vm $(BUILT)/release/bythos

# Debian's Rust packages have no clippy: what is not there is left out, and said.
if_there = if $(CARGO) $(1) --version >/dev/null 2>&1; then $(2); else echo "left out: this cargo has no $(1)"; fi

.PHONY: lint
lint:
	@echo "==> formatting"
	@$(call if_there,fmt,$(CARGO) fmt --all --check)
	@echo "==> who may know whom"
	@$(CARGO) xtask tidy
	@echo "==> lints"
	@$(call if_there,clippy,$(CARGO) clippy --workspace --all-targets -- --deny warnings)
	@echo "==> documentation"
	@RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --workspace --no-deps --document-private-items --quiet

.PHONY: bench
bench: dist
	@tools/packages bench
	@$(CARGO) build --locked --release --package bythos-benches
	@tools/lay-out bythos-benches helm-render \
		sh -c '$(BUILT)/dist/helm-render $(CHART) v1.37.0 >/dev/null'
	@for bench in store api way pods kustomize delivery helm; do \
		echo "==> $$bench"; $(BUILT)/release/$$bench || exit 1; done

.PHONY: fuzz
fuzz:
	@tools/fuzz

.PHONY: dist
dist:
	@tools/packages test
	@$(CARGO) build --locked --release --package bythos-benches --bin way
	@tools/lay-out bythos bythos \
		sh -c '$(BUILT)/dist/bythos helm template day $(CHART) >/dev/null && $(BUILT)/release/way once'
