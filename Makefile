# make            builds bin/hostctl and what it starts, bin/hostctl-launch and bin/hostctl-import
# make demo       shows what they do, on a throwaway host; HOST=1: on this one
# make test       runs all tests; as root those on throwaway hosts and on User-mode Linux too
# make bench      measures them beside other programs of their kind
# make install    installs the programs, the manual pages and the shells' completions below PREFIX (and DESTDIR)
# make docs       writes what is generated of docs/, and the examples' golden plans
# make fuzz       runs each fuzz target for FUZZTIME
# make clean      removes bin/ and what demo and test have cached
#
# Debian 12 or newer. What is missing is installed with apt, as root; Go comes over its module proxy (scripts/go).

SHELL = /bin/bash
GO = scripts/go
FUZZTIME = 10s
CACHE = $(or $(XDG_CACHE_HOME),/var/cache)/hostctl

HOST_PACKAGES = ca-certificates git systemd dbus iproute2 util-linux procps busybox-static
TEST_PACKAGES = $(HOST_PACKAGES) crun strace nftables e2fsprogs xfsprogs attr kmod mmdebstrap patch man-db mandoc zsh fish neovim
ifeq ($(shell uname -m),x86_64)
TEST_PACKAGES += user-mode-linux
endif
BENCH_PACKAGES = $(HOST_PACKAGES) gcc libc6-dev bubblewrap crun runc systemd-container mmdebstrap

# Continuous integration accepts no test that was not run.
ifeq ($(CI),true)
export HOSTCTL_TEST_NO_SKIP = 1
endif

# A checkout that git does not trust is built without its revision rather than not at all.
VCS = -buildvcs=$(shell git rev-parse --verify -q HEAD > /dev/null 2>&1 && echo auto || echo false)
BUILD = $(GO) build -trimpath $(VCS)

PREFIX = /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: build install demo test check docs bench fuzz clean

build:
	$(BUILD) -o bin/hostctl ./cmd/hostctl
	$(BUILD) -ldflags '-s -w' -o bin/hostctl-launch ./cmd/hostctl-launch
	$(BUILD) -ldflags '-s -w' -o bin/hostctl-import ./cmd/hostctl-import

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man8
	install -m 0755 bin/hostctl bin/hostctl-launch bin/hostctl-import $(DESTDIR)$(PREFIX)/bin
	bin/hostctl man -out $(SHARE)/man/man8
	install -D -m 0644 cmd/hostctl/completion/hostctl.bash $(SHARE)/bash-completion/completions/hostctl
	install -D -m 0644 cmd/hostctl/completion/hostctl.zsh $(SHARE)/zsh/site-functions/_hostctl
	install -D -m 0644 cmd/hostctl/completion/hostctl.fish $(SHARE)/fish/vendor_completions.d/hostctl.fish

demo: build
	scripts/install $(HOST_PACKAGES)
	scripts/demo $(if $(HOST),--host)

test: build
	$(if $(filter 0,$(shell id -u)),scripts/install $(TEST_PACKAGES))
	$(MAKE) --no-print-directory check
	$(GO) test -count=1 -timeout 40m ./...

check:
	@out=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .); [ -z "$$out" ] || { echo "gofmt: $$out" >&2; exit 1; }
	$(GO) mod verify
	$(GO) vet ./...
	$(GO) vet -tags=throwaway ./host ./resource/container
	GOARCH=$(if $(filter arm64,$(shell $(GO) env GOARCH)),amd64,arm64) $(GO) vet ./...

docs:
	$(GO) test -count=1 -run 'TestReference|TestExamples' ./cmd/hostctl -update

bench: build
	scripts/install $(BENCH_PACKAGES)
	$(GO) run ./bench

fuzz:
	scripts/fuzz $(FUZZTIME)

clean:
	rm -rf bin $(CACHE)
