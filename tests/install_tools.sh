#!/bin/sh
# Install the programs that some tests drive: Chromium and its driver, for the web page.
# Debian or Ubuntu as root; anywhere else the tests that need them are skipped, and say so.
set -eu

if command -v chromium >/dev/null 2>&1 && command -v chromedriver >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ]; then
    echo "no chromium, and not root on Debian: the web page's browser tests will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null 2>&1; then
    echo "chromium could not be installed: the web page's browser tests will be skipped" >&2
fi
