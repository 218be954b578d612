import type { NodeFile } from "../nodes/node-file.ts";

/** Where a node sees its folder of the host. */
export const FOLDER_IN_NODE = "/run/gantry/mounts";
export const LIST_NAME = "list";

const SCRIPT_PATH = "/etc/gantry/mount-folders.sh";
const UNIT = "gantry-mounts.service";
const SYSTEM = "/etc/systemd/system";
/** At a host's start the node may be there before Gantry is. */
const BOOT_WAIT_SECONDS = 120;
const LIVE_WAIT_SECONDS = 5;

/** Brings what the node has in line with the list. Given: how many seconds it waits for the host's part. May run at any time, any number of times. */
const SCRIPT = `#!/bin/sh
set -u
folder=${FOLDER_IN_NODE}
list=$folder/${LIST_NAME}
present=/run/gantry-mounts.present
deadline=$(($(date +%s) + $1))
failed=0
exec 9>/run/gantry-mounts.lock
flock 9
[ -e "$list" ] || exit 0

is_mount() {
  findmnt --mountpoint "$1" >/dev/null
}

# The dot keeps newlines that a path may end with.
decode() {
  path=$(printf '%b.' "$1")
  path=\${path%.}
}

touch "$present"
while read -r id mode propagation encoded; do
  grep -qxF "$id $mode $propagation $encoded" "$list" && continue
  decode "$encoded"
  if is_mount "$path"; then umount --lazy "$path" || failed=1; fi
done <"$present"

while read -r id mode propagation encoded; do
  decode "$encoded"
  until is_mount "$folder/$id"; do
    [ "$(date +%s)" -ge "$deadline" ] && break
    sleep 0.1
  done
  if ! is_mount "$folder/$id"; then
    echo "the host has not given what is to be at $path" >&2
    failed=1
    continue
  fi
  if [ "$path" -ef "$folder/$id" ] && is_mount "$path"; then continue; fi
  if [ -d "$folder/$id" ]; then
    mkdir -p "$path"
  else
    mkdir -p "$(dirname "$path")"
    [ -e "$path" ] || : >"$path"
  fi
  mount --rbind "$folder/$id" "$path" && mount "--make-r$propagation" "$path" && mount --make-rshared "$path" || failed=1
  if [ "$mode" = ro ]; then mount -o remount,bind,ro "$path" || failed=1; fi
done <"$list"
cp "$list" "$present"
exit $failed
`;

const UNIT_FILE = `[Unit]
Description=Folders of the host
ConditionPathExists=${FOLDER_IN_NODE}/${LIST_NAME}
Before=containerd.service kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=infinity
ExecStart=/bin/sh ${SCRIPT_PATH} ${BOOT_WAIT_SECONDS}

[Install]
WantedBy=multi-user.target
`;

/** With these a node has its folders of the host back at each start, before its kubelet begins pods that use them. */
export const MOUNT_FILES: readonly NodeFile[] = [
  { path: SCRIPT_PATH, mode: 0o755, content: SCRIPT },
  { path: `${SYSTEM}/${UNIT}`, mode: 0o644, content: UNIT_FILE },
  { path: `${SYSTEM}/multi-user.target.wants/${UNIT}`, target: `${SYSTEM}/${UNIT}` },
];

export const MOUNT_NOW = ["/bin/sh", SCRIPT_PATH, String(LIVE_WAIT_SECONDS)];
