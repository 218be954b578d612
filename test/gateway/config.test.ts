import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { COMMAND_LIMITS } from "../../gateway/commands/limits.ts";
import { gatewayConfig } from "../../gateway/config.ts";
import { readGatewayLimits } from "../../gateway/limits.ts";
import { MIRROR_LIMITS } from "../../gateway/mirror/limits.ts";
import { SOCKET_LIMITS } from "../../gateway/ws/limits.ts";
import { ConfigError, ConfigReader } from "../../services/common/config/config.ts";

function problems(env: Record<string, string>): string {
  try {
    gatewayConfig({ GANTRY_HOST_NAME: "h1", ...env });
    return "";
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.problems.join("\n");
  }
}

test("defaults are plain on loopback", () => {
  const config = gatewayConfig({ GANTRY_HOST_NAME: "h1" });
  assert.equal(config.httpListen, "127.0.0.1:9600");
  assert.deepEqual([...config.services], [["compute", "127.0.0.1:9611"]]);
  assert.deepEqual(config.allowedOrigins, []);
});

test("plain HTTP elsewhere is refused unless asked for; with a certificate it is not plain", () => {
  for (const listen of ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "example.org:1", "127.0.0.1.example.org:1"]) {
    assert.match(problems({ GANTRY_HTTP_LISTEN: listen }), /in the clear/, listen);
  }
  for (const listen of ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"])
    assert.equal(problems({ GANTRY_HTTP_LISTEN: listen }), "");
  assert.equal(problems({ GANTRY_HTTP_LISTEN: "0.0.0.0:1", GANTRY_ALLOW_PLAINTEXT: "1" }), "");
  const tls = { GANTRY_HTTP_TLS_CERT: "/c", GANTRY_HTTP_TLS_KEY: "/k" };
  assert.equal(problems({ GANTRY_HTTP_LISTEN: "0.0.0.0:1", ...tls }), "");
  assert.match(problems({ GANTRY_HTTP_TLS_CERT: "/c" }), /go together/);
});

test("every problem at once", () => {
  const found = problems({
    GANTRY_SERVICES: "compute=x:1,mail=y:2",
    GANTRY_HTTP_LISTEN: "0.0.0.0:1",
    GANTRY_HTTP_TLS_KEY: "/k",
  });
  assert.match(found, /names mail/);
  assert.match(found, /in the clear/);
  assert.match(found, /go together/);
});

test("origins are split", () => {
  const { allowedOrigins } = gatewayConfig({
    GANTRY_HOST_NAME: "h1",
    GANTRY_ALLOWED_ORIGINS: "https://a.example, https://b.example,",
  });
  assert.deepEqual(allowedOrigins, ["https://a.example", "https://b.example"]);
});

test("limits of sockets, commands, mirrors and their window", () => {
  const { limits } = gatewayConfig({
    GANTRY_HOST_NAME: "h1",
    GANTRY_CONNECTIONS_MAX: "7",
    GANTRY_SOCKET_FRAMES_PER_SECOND: "50",
    GANTRY_COMMAND_STREAMS_MAX: "3",
    GANTRY_MIRRORS_MAX: "9",
    GANTRY_WINDOW_MAX: "8MiB",
  });
  assert.deepEqual(limits, {
    sockets: { ...SOCKET_LIMITS, connectionsMax: 7, framesPerSecond: 50 },
    commands: { ...COMMAND_LIMITS, streamsMax: 3 },
    mirrors: { ...MIRROR_LIMITS, mirrorsMax: 9, windowBytesMax: 8 * 1024 * 1024 },
  });
  assert.match(problems({ GANTRY_SOCKET_PING_INTERVAL: "1h" }), /at most 600s/);
});

test("every setting of the limits is in the README", async () => {
  const readme = await readFile(new URL("../../gateway/README.md", import.meta.url), "utf8");
  const reader = new ConfigReader({ GANTRY_HOST_NAME: "h1" });
  readGatewayLimits(reader);
  assert.ok(reader.settings.length > 15);
  for (const { name } of reader.settings) assert.match(readme, new RegExp(`\\b${name}\\b`), name);
});
