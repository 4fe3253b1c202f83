# shellcheck shell=bash
# What the scripts of this folder share: a whole machine, reached by LAB (see package-in-machine), with a fw-watchdog package
# put into it, and the same package unpacked here as the workstation at the other end of its wire.
# To be sourced with $lab, $folder and $package set; it sets $machine, $work, $began and $version.
# shellcheck disable=SC2154 # they are the caller's

machine=${MACHINE:-10.79.0.2}
began=$SECONDS
work=$(mktemp -d)
watcher=
pinging=
finish() {
  local code=$?
  local left
  for left in $watcher $pinging; do kill "$left" 2>/dev/null || true; done
  "$lab" down "$folder" >/dev/null 2>&1 || true
  rm -rf "$work"
  exit "$code"
}
trap finish EXIT
say() { printf '%4d s  %s\n' $((SECONDS - began)) "$*"; }
fail() {
  say "FAILED: $*" >&2
  exit 1
}
# inside COMMAND: as root in it; asked again where its sshd, under emulation, did not greet in time.
inside() {
  local code try words
  words=$(mktemp -p "$work")
  for try in 1 2 3 4 5 6; do
    code=0
    "$lab" ssh "$folder" "$@" 2>"$words" || code=$?
    if [ "$code" != 255 ] || ! grep -qE 'during banner exchange|timed out|kex_exchange_identification' "$words"; then break; fi
    [ "$try" = 6 ] || sleep 5
  done
  cat "$words" >&2
  rm -f "$words"
  return "$code"
}
answers() { timeout 20 "$lab" ssh "$folder" true 2>/dev/null; }
answers_late() { # 20 s and more each: a greeting may be late here too
  local try
  for try in 1 2 3 4 5 6; do
    ! answers || return 0
    sleep "$try"
  done
  return 1
}
put() {
  local try
  for try in 1 2 3 4 5 6; do
    ! "$lab" put "$folder" "$@" || return 0
    [ "$try" = 6 ] || sleep 5
  done
  fail "cannot copy ${*: 1:$#-1} into the machine"
}

# until_true SECONDS WHAT COMMAND...: tries once a second.
until_true() {
  local left=$1 what=$2
  shift 2
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || fail "$what"
    sleep 1
  done
}

version=$(dpkg-deb -f "$package" Version)
dpkg-deb -x "$package" "$work/workstation"
programs=$work/workstation/usr/lib/fw-watchdog/$version
knock() { "$lab" ns "$folder" "$programs/node" "$programs/dist/bin/fw-knock.js" "$@" --secret-file "$work/secret"; }
make_secret() { (umask 077 && "$programs/node" "$programs/dist/bin/fw-knock.js" secret "$machine" >"$work/secret"); }

# drop_everything: as a slip of the hand would; it must not depend on the connection that it cuts.
drop_everything() {
  inside 'setsid sh -c "sleep 1; iptables -P INPUT DROP; iptables -P OUTPUT DROP; iptables -P FORWARD DROP; iptables -F
    ip6tables -P INPUT DROP; ip6tables -P OUTPUT DROP" </dev/null >/dev/null 2>&1 &'
  sleep 5
}
