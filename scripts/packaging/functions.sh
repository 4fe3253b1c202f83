home=/usr/lib/fw-watchdog

# ours [FOLDER]: the processes that run a Node.js of this package (of that version). Those of a container have another root.
ours() {
  folder=${1:-$home/*}
  for process in /proc/[0-9]*; do
    # shellcheck disable=SC2254,SC3013 # meant as a pattern; dash and bash know -ef
    case $(readlink "$process/exe" 2>/dev/null || true) in
      $folder/node | $folder/node\ \(deleted\)) [ ! "$process/root" -ef / ] || echo "${process#/proc/}" ;;
    esac
  done
}
in_use() { [ -n "$(ours "$1")" ]; }
guards() {
  for pid in $(ours); do
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q '/dist/bin/guard\.js\( \|$\)' || continue
    echo "$pid"
  done
}
# here: of the processes on standard input, those of this network namespace.
here() {
  while read -r one; do
    # shellcheck disable=SC3013
    [ ! "/proc/$one/ns/net" -ef /proc/self/ns/net ] || echo "$one"
  done
}
namespace() { stat -L -c %i "/proc/$1/ns/net"; }
# shellcheck disable=SC3013
first_namespace() { [ /proc/1/ns/net -ef /proc/self/ns/net ]; }
# clear_but_others FOLDER: takes away what sessions keep in it, but for those that are armed in other network namespaces.
clear_but_others() {
  others=" $(for one in $(guards); do [ -n "$(echo "$one" | here)" ] || namespace "$one"; done | tr '\n' ' ')"
  if [ "$others" = " " ]; then
    rm -rf "${1:?}"
    return
  fi
  for entry in "$1"/* "$1"/.[!.]*; do
    case $others in *" ${entry##*/} "*) ;; *) rm -rf "$entry" ;; esac
  done
}
# keep_used: a copy, of hard links, of each version that an armed session runs on; dpkg takes the version's own folder away.
keep_used() {
  for folder in "$home"/[0-9]*; do
    if [ -x "$folder/node" ] && in_use "$folder"; then
      rm -rf "$home/.kept-${folder##*/}"
      cp -al "$folder" "$home/.kept-${folder##*/}"
    fi
  done
}
restore_kept() {
  for kept in "$home"/.kept-*; do
    [ -d "$kept" ] || continue
    version=${kept##*/.kept-}
    if [ -e "$home/$version/node" ]; then rm -rf "$kept"; else
      rm -rf "${home:?}/$version"
      mv "$kept" "$home/$version"
    fi
  done
}
# compile_knock LAUNCHER: bytecode of fw-knock, as Python's packages have it: made by a knock that goes nowhere but over lo. It
# starts without, too.
compile_knock() {
  knock_secret=$(mktemp) || return 0
  if HOME=/nonexistent XDG_CONFIG_HOME='' "$1" secret 127.0.0.1 >"$knock_secret" 2>/dev/null; then
    HOME=/nonexistent XDG_CONFIG_HOME='' "$1" --compile \
      probe 127.0.0.1 --secret-file "$knock_secret" --no-check --wait 1s >/dev/null 2>&1 || true
  fi
  rm -f "$knock_secret"
}
systemd_runs() { [ -d /run/systemd/system ]; }
