import type { NodeFile } from "./node-file.ts";

/** For the kubelet's option `--docker`. */
export const NO_DOCKER_ENDPOINT = "unix:///run/gantry/no-docker.sock";

const SCRIPT_PATH = "/etc/gantry/no-docker";
const UNIT_FOLDER = "/etc/systemd/system";
const NAME = "gantry-no-docker";

/** It names a folder and, by its version, says that it is no engine to watch: what the kubelet concludes after its five tries, at once. */
const SCRIPT = `#!/bin/bash
# Answers every request over HTTP with the same few words.
readonly words='{"DockerRootDir":"/var/lib/docker","ServerVersion":"0.0.0"}'
while IFS= read -r line; do
  if [[ $line == $'\\r' ]]; then
    printf 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "\${#words}" "$words"
  fi
done
`;

const SOCKET = `[Unit]
Description=Answer to the kubelet's question for Docker

[Socket]
ListenStream=${NO_DOCKER_ENDPOINT.slice("unix://".length)}
SocketMode=0600
Accept=yes

[Install]
WantedBy=sockets.target
`;

const SERVICE = `[Unit]
Description=Answer to the kubelet's question for Docker

[Service]
ExecStart=/bin/bash ${SCRIPT_PATH}
StandardInput=socket
StandardOutput=socket
StandardError=journal
`;

/**
 * Kubelets before 1.24 ask Docker where it keeps its containers, once a second and five times, before they do anything else: at each of their
 * starts. On a node there is no Docker; something that says so at once, at a path that nothing else looks at, saves these five seconds.
 */
export function noDockerFiles(): NodeFile[] {
  return [
    { path: SCRIPT_PATH, mode: 0o755, content: SCRIPT },
    { path: `${UNIT_FOLDER}/${NAME}.socket`, mode: 0o644, content: SOCKET },
    { path: `${UNIT_FOLDER}/${NAME}@.service`, mode: 0o644, content: SERVICE },
    { path: `${UNIT_FOLDER}/sockets.target.wants/${NAME}.socket`, target: `../${NAME}.socket` },
  ];
}
