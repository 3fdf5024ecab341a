# Two commands do all the set-up on a fresh Debian or Ubuntu with Rust, gcc and make: `make run` and `make test`.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
PYTHON := target/python/bin/python

# What a window needs at run time (X11 and Wayland, Vulkan or GL, the software rasteriser included).
RUN_PACKAGES := libegl1 libgl1-mesa-dri libvulkan1 mesa-vulkan-drivers libxkbcommon0 libxkbcommon-x11-0 libx11-6 \
	libx11-xcb1 libxcursor1 libxi6 libxrandr2 libwayland-client0
# What the tests need on top: an invisible screen with a window manager, mouse and keys, pictures of it, Python, and the
# decoders that ours are compared with.
TEST_PACKAGES := $(RUN_PACKAGES) xvfb xauth xdotool openbox x11-utils imagemagick python3 python3-venv sigrok-cli

.PHONY: help run test bench doc packages-run packages-test python

help:
	@echo 'make run    install what a window needs, build, and open the viewer on a demo recording'
	@echo 'make test   formatting, lints and all tests, with everything they need'
	@echo 'make bench  measure (release build)'
	@echo 'make doc    the architecture, as pages'

# $(call install,PACKAGES,STAMP): installs what is missing, or prints the one command that does it. Debian and Ubuntu
# only; elsewhere it says what is wanted and goes on. The stamp makes the second time free.
define install
	mkdir -p target
	if [ ! -e $(2) ] || ! grep -qxF '$(strip $(1))' $(2); then
		if command -v dpkg-query >/dev/null; then
			missing=
			for package in $(1); do
				dpkg-query -W -f='$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing+=" $$package"
			done
			if [ -n "$$missing" ]; then
				if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo='sudo -n'; else
					echo "Some packages are missing. Please run this, and then make again:" >&2
					echo "  sudo apt-get install -y$$missing" >&2
					exit 1
				fi
				$$sudo apt-get update -qq
				$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing
			fi
		else
			echo "This is no Debian or Ubuntu; the counterparts of these packages are needed: $(1)" >&2
		fi
		echo '$(strip $(1))' > $(2)
	fi
endef

.ONESHELL:

packages-run:
	@$(call install,$(RUN_PACKAGES),target/packages-run)

packages-test:
	@$(call install,$(TEST_PACKAGES),target/packages-test)

run: packages-run
	@$(CARGO) build --release
	longwave=$(TARGET)/release/longwave
	mkdir -p target/demo
	[ -e target/demo/demo.rec ] || $$longwave demo -o target/demo/demo.rec
	if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ]; then
		$$longwave target/demo/demo.rec
	else
		echo 'There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set): drawing the same view to a picture.'
		$$longwave shot target/demo/demo.rec -o target/demo/demo.png --force
		echo "The picture is at $$PWD/target/demo/demo.png"
	fi

# The interpreter with the oracles. A Python that cannot make environments is named with the remedy.
python: packages-test
	@if ! cmp -s tests/requirements.txt target/python/requirements.txt; then
		python=python3
		if ! $$python -m venv --clear target/python 2>/dev/null; then
			python=/usr/bin/python3
			$$python -m venv --clear target/python
		fi
		target/python/bin/pip install --quiet --disable-pip-version-check -r tests/requirements.txt
		cp tests/requirements.txt target/python/requirements.txt
	fi

# Formatting first, as it fails fastest. Clippy and the tests share the profile of development.
test: python
	@echo '== formatting'
	$(CARGO) fmt --check
	echo '== lints'
	$(CARGO) clippy --all-targets -- -D warnings
	echo '== tests'
	$(CARGO) test

# The architecture, for reading: target/doc/longwave/index.html
doc:
	RUSTDOCFLAGS='-D warnings -A rustdoc::private-intra-doc-links' $(CARGO) doc --no-deps --document-private-items

bench: python
	@$(CARGO) build --release
	$(PYTHON) benches/compare.py
