import type { NodeFile } from "./node-file.ts";

const SCRIPT_PATH = "/etc/gantry/end-pods";
const UNIT_FOLDER = "/etc/systemd/system";
const UNIT = "gantry-end-pods.service";

/** For those that end in order. The engine kills the node soon afterwards: `STOP_SECONDS` of `steps/stop-nodes.ts`. */
const LIMIT_SECONDS = 6;
/** For the API server, of these: etcd needs some of them too. */
const SERVER_SECONDS = 3;

const SCRIPT = `#!/bin/bash
# Has the processes of pods end. Those that heed the signal get time for it; the rest would only keep the node from its end.
set -o nounset
readonly limit=${LIMIT_SECONDS} server_limit=${SERVER_SECONDS}
readonly sigterm=$((1 << 14))
declare -A namespaces first deaf heeds etcds servers

own=$(stat --dereference --format=%i /proc/self/ns/pid)

# Pods' processes have PID namespaces of their own. The first one of such a namespace never gets a signal that it does not catch.
look() {
  namespaces=() first=() deaf=() heeds=() etcds=() servers=()
  local file inode pid key value last ignored
  while read -r file inode; do
    if [[ $inode != "$own" ]]; then pid=\${file#/proc/} namespaces[\${pid%%/*}]=$inode; fi
  done < <(stat --dereference --format='%n %i' /proc/[0-9]*/ns/pid 2> /dev/null)
  for pid in "\${!namespaces[@]}"; do
    inode=\${namespaces[$pid]} last='' ignored=0
    while read -r key value; do
      case $key in
        Name:)
          case $value in
            etcd) etcds[$pid]=yes ;;
            kube-apiserver) servers[$pid]=yes ;;
          esac
          ;;
        # What has ended, and only waits to be noticed.
        State:) if [[ $value == Z* ]]; then continue 2; fi ;;
        NSpid:) last=\${value##*[[:space:]]} ;;
        SigIgn:) ignored=$((16#$value & sigterm)) ;;
        SigCgt:)
          if [[ $last == 1 ]]; then first[$inode]=$pid; fi
          if ((16#$value & sigterm)) || [[ $last != 1 && $ignored == 0 ]]; then heeds[$inode]=yes; else deaf[$inode]=yes; fi
          ;;
      esac
    done 2> /dev/null < "/proc/$pid/status"
  done
}

look
for pid in "\${!namespaces[@]}"; do
  if [[ -z \${etcds[$pid]-} ]]; then kill -TERM "$pid" 2> /dev/null; fi
done
etcd_asked=
until look; ((\${#deaf[@]} + \${#heeds[@]} == 0 || SECONDS >= limit)); do
  # An API server whose etcd is gone waits for its answers until it is killed.
  if [[ -z $etcd_asked && \${#etcds[@]} -gt 0 ]] && ((\${#servers[@]} == 0 || SECONDS >= server_limit)); then
    kill -TERM "\${!etcds[@]}" 2> /dev/null
    etcd_asked=yes
  fi
  for inode in "\${!deaf[@]}"; do
    # With the first one the kernel ends all the others.
    if [[ -z \${heeds[$inode]-} && -n \${first[$inode]-} ]]; then kill -KILL "\${first[$inode]}" 2> /dev/null; fi
  done
  sleep 0.05
done
exit 0
`;

/** Between containerd and the kubelet: at the node's end it is its turn when the kubelet, which would begin pods anew, is gone. */
const SERVICE = `[Unit]
Description=End of the pods at the node's end
After=containerd.service
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStop=/bin/bash ${SCRIPT_PATH}
TimeoutStopSec=${LIMIT_SECONDS + 2}

[Install]
WantedBy=multi-user.target
`;

/**
 * When a node stops, systemd asks what runs in its pods to end, and waits. The first process of a container gets no signal that it does not
 * catch, so that it would be waited for until the engine kills the node. These are ended at once, the others when they are done.
 */
export function endOfPodsFiles(): NodeFile[] {
  return [
    { path: SCRIPT_PATH, mode: 0o755, content: SCRIPT },
    { path: `${UNIT_FOLDER}/${UNIT}`, mode: 0o644, content: SERVICE },
    { path: `${UNIT_FOLDER}/multi-user.target.wants/${UNIT}`, target: `../${UNIT}` },
  ];
}
