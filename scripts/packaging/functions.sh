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
