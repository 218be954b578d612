/** Where an instance finds what Gantry gives it. Readable by root alone. */
export const INSTANCE_FILES_PATH = "/etc/gantry";
export const INNER_ENGINE_PORT = 2376;

/**
 * What an instance with an inner engine runs. It begins with the program's name, not with an option: the official image's entry
 * point would otherwise add its own listeners, 2375 without TLS among them.
 */
export function innerEngineCommand(pool: string): string[] {
  return [
    "dockerd",
    "--host=unix:///var/run/docker.sock",
    `--host=tcp://0.0.0.0:${INNER_ENGINE_PORT}`,
    "--tlsverify",
    `--tlscacert=${INSTANCE_FILES_PATH}/tls/ca.crt`,
    `--tlscert=${INSTANCE_FILES_PATH}/tls/server.crt`,
    `--tlskey=${INSTANCE_FILES_PATH}/tls/server.key`,
    `--bip=${bridgeAddress(pool)}`,
    `--default-address-pool=base=${pool},size=24`,
  ];
}

/** First address of the pool's first /24, for the inner engine's default bridge. */
function bridgeAddress(pool: string): string {
  const [a, b, c] = pool.split("/", 1)[0]!.split(".");
  return `${a}.${b}.${c}.1/24`;
}
