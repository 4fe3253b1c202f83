#!/bin/bash
# The scripts of the Debian package around a removal, as dpkg runs them, on files and folders of their own: a mount namespace
# with another /usr and /run. Two sessions: here, and in another network namespace. One word a line says what was seen.
#
#   unshare --net --mount bash removal.sh REPOSITORY NODE
# shellcheck disable=SC2015 # A && B || C means both
set -eu
repository=$1 node=$2
work=$(mktemp -d)
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work"
mount -t overlay -o "lowerdir=/usr,upperdir=$work/upper,workdir=$work/work" overlay /usr
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
ip link set lo up

lib=/usr/lib/fw-watchdog/9.9
mkdir -p "$lib"
cp "$node" "$lib/node"
cp -a "$repository/dist" "$repository/package.json" "$lib/"
ln -s "$repository/node_modules" "$lib/node_modules"
for name in fw-watchdog fw-apply; do
  printf '#!/bin/sh\nexec %s/node %s/dist/bin/%s.js "$@"\n' "$lib" "$lib" "$name" >"/usr/bin/$name"
  chmod 755 "/usr/bin/$name"
done
for script in prerm postrm; do
  awk -v functions="$repository/scripts/packaging/functions.sh" \
    '$0 == "@FUNCTIONS@" { while ((getline line < functions) > 0) print line; next } { print }' \
    "$repository/scripts/packaging/$script" >"$work/$script"
done
"$lib/node" "$lib/dist/bin/fw-knock.js" secret "$(uname -n)" >"$work/secret"
chmod 600 "$work/secret"

sleep 300 &
other=$!
unshare --net sleep 300 &
elsewhere=$!
trap 'kill $other $elsewhere $(jobs -p) 2>/dev/null; there fw-watchdog disarm >/dev/null 2>&1 || true' EXIT
until [ "$(readlink /proc/$elsewhere/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
there() { nsenter --net=/proc/$elsewhere/ns/net "$@"; }
there ip link set lo up
inode() { stat -L -c %i "$1"; }

fw-watchdog arm --detach --secret-file "$work/secret" --timeout 5m --json >/dev/null
there fw-watchdog arm --detach --secret-file "$work/secret" --timeout 5m --json >/dev/null
cat >"$work/rules.sh" <<'RULES'
iptables-nft -A INPUT -p tcp --dport 9999 -j DROP
RULES
fw-apply "$work/rules.sh" --force --confirm-within 4m --json >"$work/applied" 2>&1 &
for _ in $(seq 100); do
  ! fw-watchdog status | grep -q CHANGED || break
  sleep 0.2
done
iptables-nft -S INPUT | grep -q 9999 && echo changed || cat "$work/applied" >&2

# From here on every look at the rules takes its time: together longer than the ten seconds for an answer.
slow() {
  mv "/usr/sbin/$1" "/usr/sbin/$1.quick" 2>/dev/null || return 0
  printf '#!/bin/sh\nsleep 3\nexec /usr/sbin/%s.quick "$@"\n' "$1" >"/usr/sbin/$1"
  chmod 755 "/usr/sbin/$1"
}
slow nft
sh "$work/prerm" remove 2>"$work/said"
grep -q 'does not answer' "$work/said" && echo killed
grep -q "goes on until its end" "$work/said" && echo named
mv /usr/sbin/nft.quick /usr/sbin/nft
iptables-nft -S INPUT | grep -q 9999 || echo reverted
fw-watchdog status >/dev/null 2>&1 || echo ended
there fw-watchdog status >/dev/null && echo goes-on

# dpkg takes away what it has brought.
rm -r "$lib" /usr/bin/fw-watchdog /usr/bin/fw-apply
sh "$work/postrm" remove
[ -d "/run/fw-watchdog/$(inode /proc/self/ns/net)" ] || echo cleared
[ -S "/run/fw-watchdog/$(inode /proc/$elsewhere/ns/net)/control.sock" ] && echo kept
there "$lib/node" "$lib/dist/bin/fw-watchdog.js" status >/dev/null && echo still-goes-on
there "$lib/node" "$lib/dist/bin/fw-watchdog.js" disarm >/dev/null 2>&1
# "disarm" answers when the guard has said that it ends; its process may live a moment longer.
for _ in $(seq 100); do
  ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q " $lib/" || break
  sleep 0.1
done
sh "$work/postrm" purge
ls -d /usr/lib/fw-watchdog /run/fw-watchdog /var/lib/fw-watchdog 2>/dev/null || echo nothing-left
