# Hotline: one binary, three product modules (proto, pkg, services) and the end-to-end
# tests. "make" lists what can be done.

SHELL := /bin/bash -o pipefail -u
.DEFAULT_GOAL := help

BIN    := $(CURDIR)/bin
TOOLS  := $(BIN)/tools
MODULES = $(shell go list -m -f '{{.Dir}}')
# Has a module of its own, since it brings a server that nothing else needs.
FERRET := pkg/view/ferrettest
# The race detector needs a C compiler; without one the tests run all the same.
RACE   := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
# Built without C, so that the binary is static and builds the same everywhere.
BUILD  := CGO_ENABLED=0 go build -trimpath
# What the contracts are compared with by "make breaking".
BASE   ?= HEAD
BENCHTIME  ?= 1s
# How many conversations "make soak" plays.
RUNS       ?= 20000
BENCH_ARGS ?=

say = @printf '\n\033[1m==> %s\033[0m\n' "$(1)"

##@ Use

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: hotline ## start the desk: on Telegram when HOTLINE_BOT_TOKEN is set, else the demo
	@if [ -n "$${HOTLINE_BOT_TOKEN:-}$${HOTLINE_BOT_TOKEN_FILE:-}" ]; then \
		echo "==> bin/hotline up"; exec $(BIN)/hotline up; \
	else \
		echo "==> bin/hotline demo (no HOTLINE_BOT_TOKEN is set, so Telegram is simulated)"; exec $(BIN)/hotline demo; \
	fi

##@ Build

.PHONY: hotline
hotline:
	@mkdir -p $(BIN)
	@echo "==> building bin/hotline (the first time compiles all dependencies, which takes minutes)"
	@$(BUILD) -o $(BIN)/ ./services/hotline/cmd/hotline

.PHONY: build
build: ## build every command and the pinned NATS server into bin/
	$(call say,building every command into bin/)
	@mkdir -p $(BIN)
	$(BUILD) -o $(BIN)/ ./services/...
	cd pkg && $(BUILD) -o $(BIN)/ github.com/nats-io/nats-server/v2

.PHONY: gen
gen: tools ## generate code from the contracts
	$(call say,generating proto/gen)
	cd proto && PATH="$(TOOLS):$$PATH" buf generate

##@ Test

.PHONY: test
test: ## everything that has to be green: vet and all tests of all modules
	$(call say,go vet: all modules (the first time compiles all dependencies))
	go vet work
	$(call say,go test $(if $(RACE),-race,without -race: no C compiler): all modules and the scenarios in both deployments)
	go test $(RACE) -timeout 30m work
	@if [ -f $(FERRET)/go.mod ]; then \
		printf '\n\033[1m==> %s\033[0m\n' "go test: MongoDB views against a server ($(FERRET))"; \
		cd $(FERRET) && GOWORK=off go test -timeout 15m ./...; \
	fi

.PHONY: soak
soak: ## random conversations against the real binaries, RUNS of them (20000), with new dice each time
	$(call say,$(RUNS) random conversations)
	HOTLINE_TEST_SOAK_RUNS=$(RUNS) go test $(RACE) -timeout 12h -run TestConversations -v ./services/e2e

.PHONY: check
check: lint contracts tidy test ## lint, contracts, module files and tests: before every push

.PHONY: lint
lint: tools ## formatting and static analysis
	$(call say,gofmt)
	@files=$$(gofmt -l proto pkg services | grep -v /zz_); if [ -n "$$files" ]; then echo "not formatted:"; echo "$$files"; exit 1; fi
	$(call say,staticcheck)
	@for m in $(MODULES); do (cd $$m && $(TOOLS)/staticcheck ./...) || exit 1; done

.PHONY: contracts
contracts: tools ## lint the contracts, compare them with BASE (HEAD) and with the generated code
	$(call say,buf lint)
	cd proto && $(TOOLS)/buf lint
	$(call say,buf breaking: against $(BASE))
	@base=$$(mktemp -d) && trap 'rm -rf "$$base"' EXIT && \
		git archive $(BASE) proto | tar -x -C "$$base" && \
		cd proto && $(TOOLS)/buf breaking --against "$$base/proto"
	$(call say,generated code)
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
		(cd proto && PATH="$(TOOLS):$$PATH" buf generate --output "$$fresh") && \
		diff -r "$$fresh/gen" proto/gen || { echo "proto/gen is not what the sources say: make gen"; exit 1; }

.PHONY: tidy
tidy: ## are the module files tidy, and does each module build without the workspace?
	$(call say,go mod tidy -diff; builds with GOWORK=off)
	@for m in $(MODULES); do (cd $$m && echo "$$m" && go mod tidy -diff && GOWORK=off go build ./...) || exit 1; done

.PHONY: vuln
vuln: tools ## known vulnerabilities in what is called (asks vuln.go.dev)
	@for m in $(MODULES); do (cd $$m && $(TOOLS)/govulncheck ./...) || exit 1; done

.PHONY: bench
bench: hotline ## kernel benchmarks, then the desk end to end (BENCH_ARGS="--rate 500 …")
	$(call say,kernel)
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./pkg/...
	$(call say,end to end: bin/hotline bench $(BENCH_ARGS))
	$(BIN)/hotline bench $(BENCH_ARGS)

# The tools are pinned in modules of their own; buf's graph disagrees with the others'.
.PHONY: tools
tools: $(TOOLS)/.built

$(TOOLS)/.built: scripts/tools/go.mod scripts/tools/buf/go.mod
	@mkdir -p $(TOOLS)
	@echo "==> building the pinned tools into bin/tools (the first time takes minutes)"
	@cd scripts/tools && GOWORK=off go build -o $(TOOLS)/ tool
	@cd scripts/tools/buf && GOWORK=off go build -o $(TOOLS)/ tool
	@touch $@
