#!/usr/bin/env bash
# The gates, for people and for CI alike. `./ci.sh` runs all of them, `./ci.sh fmt docs` those named, in that order.
#
# All gates share one profile, one feature set and one target folder: the training framework is slow to compile, and any
# other choice would compile it once more. Not here: what needs a GPU, and measurements.
set -euo pipefail
cd "$(dirname "$0")"

gates=(fmt no-std clippy docs test)

gate_fmt() {
    cargo fmt --all --check
}

# The runtime without the standard library.
gate_no-std() {
    cargo check --release --locked -p sinew-runtime --no-default-features
}

gate_clippy() {
    cargo clippy --release --locked --workspace --all-targets -- -D warnings
}

gate_docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --workspace --no-deps
}

# All tests, the invariants of docs/ARCHITECTURE.md among them, by the command that README.md promises. It is taken from there, so
# that there is no copy that could differ.
gate_test() {
    local commands
    mapfile -t commands < <(grep '^cargo test' README.md)
    if [ "${#commands[@]}" -ne 1 ]; then
        echo "README.md has ${#commands[@]} lines that begin with \"cargo test\", not one" >&2
        return 1
    fi
    echo "+ ${commands[0]}"
    bash -c "${commands[0]}"
}

if [ "$#" -gt 0 ]; then
    chosen=("$@")
else
    chosen=("${gates[@]}")
fi
for gate in "${chosen[@]}"; do
    if ! declare -F "gate_$gate" > /dev/null; then
        echo "ci.sh: no gate is called \"$gate\"; there are: ${gates[*]}" >&2
        exit 2
    fi
done

times=()
for gate in "${chosen[@]}"; do
    echo "== $gate"
    start=$SECONDS
    if ! "gate_$gate"; then
        echo "ci.sh: gate \"$gate\" failed; repeat it alone with: ./ci.sh $gate" >&2
        exit 1
    fi
    times+=("$(printf '%6d s  %s' "$((SECONDS - start))" "$gate")")
done
echo "== passed"
printf '%s\n' "${times[@]}"
