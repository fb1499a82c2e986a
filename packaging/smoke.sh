#!/bin/sh
# Chat with the bundle as on a computer that has nothing else: an empty home, no program on the
# path, no network, and a window on a display of its own (Xvfb) where there is one.
#
#     packaging/smoke.sh [dist/tern/tern]
#
# Exits 0 where the window answered in every precision, by the compiled core, and a PDF could be
# read; and where IPEX is in the bundle, it answered in every precision that this CPU lets it.
set -eu

program=$(realpath "${1:-dist/tern/tern}")
if [ ! -x "$program" ]; then
    echo "smoke: there is no bundle at $program; \`make package\` builds it." >&2
    exit 2
fi
home=$(mktemp -d)
mkdir "$home/bin"
server=""
trap 'if [ "$server" ]; then kill "$server"; fi; rm -rf "$home"' EXIT

isolated="unshare --map-root-user --net"
if ! $isolated true 2>/dev/null; then
    echo "smoke: this system allows no namespace without a network, so the network is there." >&2
    isolated=""
fi

display=QT_QPA_PLATFORM=offscreen
if command -v Xvfb >/dev/null; then
    Xvfb -displayfd 3 -screen 0 1280x900x24 -nolisten tcp 3>"$home/display" 2>"$home/xvfb.log" &
    server=$!
    until [ -s "$home/display" ]; do kill -0 "$server"; sleep 0.1; done
    display=DISPLAY=:$(cat "$home/display")
else
    echo "smoke: there is no Xvfb here, so the window is painted into memory." >&2
fi

tern() {
    $isolated env -i HOME="$home" TERN_HOME="$home/tern" PATH="$home/bin" LANG=C.UTF-8 "$display" \
        "$program" "$@"
}

fail() {
    echo "smoke: $1" >&2
    exit 1
}

chat() {
    code=0
    tern --smoke-test "$(date +%s.%N)" >"$home/report" || code=$?
    cat "$home/report"
    [ $code = 0 ] || fail "it did not chat."
    [ "$(grep -o '"kernel":"native"' "$home/report" | wc -l)" = 3 ] || fail "the core did not answer."
}

echo "bundle: $(du -sm --apparent-size "$(dirname "$program")" | cut -f1) MiB" >&2
# Twice: the second start finds the files in memory and the weights quantised.
chat
chat

tern doctor >"$home/doctor"
if grep -q "^ipex  *[0-9]" "$home/doctor"; then
    grep -q "^IPEX runs on  *[A-Z]" "$home/doctor" || fail "IPEX cannot be imported."
    for precision in bf16 int8 int4; do
        if grep -A1 "^$precision " "$home/doctor" | grep "cannot serve" >&2; then
            continue  # this CPU has not the instructions
        fi
        tern generate --model demo --precision $precision --kernel ipex --temperature 0 \
            --prompt "What is 3 plus 4?" >"$home/said" || fail "IPEX failed in $precision."
        grep 7 "$home/said" >&2 || fail "IPEX's answer in $precision was wrong."
    done
else
    echo "smoke: there is no IPEX in this bundle, so it was not tried." >&2
fi

cat >"$home/seven.pdf" <<'PDF'
%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>> endobj
4 0 obj <</Length 32>> stream
BT /F 12 Tf (Seven terns) Tj ET
endstream endobj
5 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj
trailer <</Root 1 0 R>>
startxref
0
%%EOF
PDF
tern --pdf-text "$home/seven.pdf" | grep -q "Seven terns" || fail "the PDF was not read."
