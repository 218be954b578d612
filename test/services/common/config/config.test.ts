import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  type ConfigReader,
  type Environment,
  readConfig,
  REQUIRED,
} from "../../../../services/common/config/config.ts";
import { hostIdOf, readProcessConfig } from "../../../../services/common/config/process.ts";

const build = (c: ConfigReader) => ({
  listen: c.hostPort("GANTRY_LISTEN", "127.0.0.1:9611", "Address of gRPC"),
  url: c.string("GANTRY_REDIS_URL", REQUIRED, "Redis", {
    pattern: /^(redis|unix):\/\//,
    hint: "must be a redis:// or unix:// URL",
  }),
  timeoutMs: c.durationMs("GANTRY_TIMEOUT", "30s", "How long", { min: 1_000, max: 3_600_000 }),
  sizeBytes: c.sizeBytes("GANTRY_SIZE", "4MiB", "How much", { max: 2 ** 30 }),
  count: c.integer("GANTRY_COUNT", 5, "How many", { min: 1, max: 10 }),
  on: c.boolean("GANTRY_ON", false, "Whether"),
  level: c.oneOf("GANTRY_LEVEL", ["low", "high"], "low", "Which"),
  dir: c.path("GANTRY_DIR", "/var/lib/gantry", "Where"),
  services: c.map("GANTRY_SERVICES", "compute=127.0.0.1:9611", "Which at what address", (value) => value),
});
const url = "unix:///run/r.sock";
const read = (env: Environment) => readConfig(env, build, { onWarning: () => undefined });

test("defaults, and an empty value is none", () => {
  const expected = {
    listen: "127.0.0.1:9611",
    url,
    timeoutMs: 30_000,
    sizeBytes: 4_194_304,
    count: 5,
    on: false,
    level: "low",
    dir: "/var/lib/gantry",
    services: new Map([["compute", "127.0.0.1:9611"]]),
  };
  assert.deepEqual(read({ GANTRY_REDIS_URL: url }), expected);
  assert.deepEqual(read({ GANTRY_REDIS_URL: url, GANTRY_COUNT: "", GANTRY_SIZE: "" }), expected);
});

test("units", () => {
  const durations = { "250ms": "below", "1.5s": 1_500, "10m": 600_000, "1h": 3_600_000 };
  for (const [text, ms] of Object.entries(durations)) {
    if (ms === "below") assert.throws(() => read({ GANTRY_REDIS_URL: url, GANTRY_TIMEOUT: text }), /at least 1s/);
    else assert.equal(read({ GANTRY_REDIS_URL: url, GANTRY_TIMEOUT: text }).timeoutMs, ms);
  }
  const sizes = { "4096": 4_096, "1KB": 1_000, "1KiB": 1_024, "0.5GiB": 2 ** 29, "12 MB": 12_000_000 };
  for (const [text, bytes] of Object.entries(sizes)) {
    assert.equal(read({ GANTRY_REDIS_URL: url, GANTRY_SIZE: text }).sizeBytes, bytes);
  }
  assert.deepEqual(
    [...read({ GANTRY_REDIS_URL: url, GANTRY_SERVICES: "a=1, b=2" }).services],
    [
      ["a", "1"],
      ["b", "2"],
    ],
  );
});

test("every problem at once", () => {
  const bad = {
    GANTRY_LISTEN: "9611",
    GANTRY_TIMEOUT: "30",
    GANTRY_SIZE: "2GiB",
    GANTRY_COUNT: "ten",
    GANTRY_ON: "maybe",
    GANTRY_LEVEL: "middle",
    GANTRY_DIR: "here",
    GANTRY_SERVICES: "compute",
  };
  assert.throws(
    () => read(bad),
    (error: ConfigError) => {
      assert.deepEqual(error.problems, [
        'GANTRY_LISTEN is "9611" but must be host:port or [ipv6]:port',
        "GANTRY_REDIS_URL must be set: Redis",
        'GANTRY_TIMEOUT is "30" but must be a time such as 250ms, 30s, 10m, 24h or 7d',
        'GANTRY_SIZE is "2GiB" but must be at most 1073741824',
        'GANTRY_COUNT is "ten" but must be a whole number',
        'GANTRY_ON is "maybe" but must be true or false',
        'GANTRY_LEVEL is "middle" but must be one of low, high',
        'GANTRY_DIR is "here" but must be an absolute path',
        'GANTRY_SERVICES is "compute" but must be name=value pairs with commas between',
      ]);
      return error instanceof ConfigError;
    },
  );
});

test("a variable that nothing reads is named", () => {
  const warnings: string[] = [];
  const env = { GANTRY_REDIS_URL: url, GANTRY_LISTEM: "x", GANTRY_HTTP_LISTEN: "y", HOME: "/" };
  readConfig(env, build, { known: ["GANTRY_HTTP_LISTEN"], onWarning: (line) => warnings.push(line) });
  assert.deepEqual(warnings, ["GANTRY_LISTEM is not a setting of this process and has no effect"]);
});

test("a host's name becomes an id", () => {
  const cases: Record<string, string | undefined> = {
    "Rack1-07.example.org": "rack1-07",
    "ip-10-0-0-1": "ip-10-0-0-1",
    "42": undefined,
    "7up_x": "up-x",
    [`a${"b".repeat(60)}`]: `a${"b".repeat(39)}`,
  };
  for (const [name, id] of Object.entries(cases)) assert.equal(hostIdOf(name), id, name);
  const config = readConfig({ GANTRY_DATA_DIR: "/d", GANTRY_HOST_NAME: "h1" }, (c) =>
    readProcessConfig(c, { metricsListen: "" }),
  );
  assert.equal(config.tlsDir, "/d/tls");
  assert.equal(config.tokenKeysPath, "/d/token/public.jwk");
});
