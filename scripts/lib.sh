# What the scripts share: sourced, never run. Installs only what is missing, and nothing into the checkout.
set -euo pipefail
# What fails inside $(…) fails.
shopt -s inherit_errexit

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/steward
cd "$top"

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# packages NAME…: installs those Debian packages that are missing. One query when all are there.
packages() {
    local installed missing=() name
    installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null || true)
    for name in "$@"; do
        grep -qx "ii  $name" <<<"$installed" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || fail "Missing: ${missing[*]}. Install them; this script knows only apt-get."
    local root=()
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "Missing: ${missing[*]}. Install them as root: apt-get install ${missing[*]}"
        root=(sudo)
    fi
    say "Installing ${missing[*]} …"
    # No service is started: nginx is used as a program, not as this machine's web server.
    "${root[@]}" apt-get update -qq >/dev/null || say "apt-get update failed; trying with the lists that are there."
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "apt-get could not install ${missing[*]}."
}

build_packages() { packages libcld2-dev libhiredis-dev libhyperscan-dev libicu-dev libsqlite3-dev libpq-dev libtcmalloc-minimal4 pkg-config g++; }
test_packages() {
    packages libsimdjson-dev python3-venv jq curl mount redis-server
    # Of PostgreSQL only the programs are wanted. Where its service can't be set up they are there all the same.
    if ! compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; then
        (packages postgresql) || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null ||
            fail "PostgreSQL's programs are not there."
    fi
}
bench_packages() { packages nginx wrk python3-venv; }

# release_binary [PRODUCT]: builds a release binary, `steward` unless told otherwise, and prints where it is. Exclusive
# access is checked by the tests' build only; modules are compiled into one another, which saves a fortieth of a request;
# memory comes from tcmalloc, as Envoy's does, which saves a twentieth; and Swift's own library goes into the binary where
# the toolchain has it to link: calls into a shared one would cost a tenth.
release_binary() {
    local product=${1:-steward}
    local flags=(-c release --product "$product" -Xswiftc -enforce-exclusivity=unchecked
        -Xswiftc -cross-module-optimization -Xlinker -l:libtcmalloc_minimal.so.4)
    [ ! -d "$(dirname "$(readlink -f "$(command -v swift)")")/../lib/swift_static" ] || flags+=(--static-swift-stdlib)
    swift build "${flags[@]}" >&2
    printf '%s/%s\n' "$(swift build "${flags[@]}" --show-bin-path)" "$product"
}

# environment NAME REQUIREMENTS [ALONE]: a Python environment in the cache folder, made again when the requirements change.
# What ALONE lists is installed without what it asks for itself. Prints its folder.
environment() {
    local folder=$cache/$1 requirements=$2 alone=${3:-/dev/null}
    if ! cat "$requirements" "$alone" | cmp -s - "$folder/requirements.txt"; then
        say "Installing $(cat "$requirements" "$alone" | grep -v '^#' | paste -sd' ' -) into $folder …"
        mkdir -p "$cache"
        [ -x "$folder/bin/python" ] || python3 -m venv "$folder"
        "$folder/bin/pip" install -q --disable-pip-version-check -r "$requirements" >&2
        [ ! -s "$alone" ] || "$folder/bin/pip" install -q --disable-pip-version-check --no-deps -r "$alone" >&2
        # Last, so that an install that broke off is done again.
        cat "$requirements" "$alone" >"$folder/requirements.txt"
    fi
    printf '%s\n' "$folder"
}
