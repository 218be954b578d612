import assert from "node:assert/strict";
import { test } from "node:test";
import { OptionsError, readOptions } from "../../../deploy/local/options.ts";

const env = { HOME: "/home/kim", PATH: "/usr/bin" };

test("defaults of root and of others", () => {
  const root = readOptions([], env, true);
  assert.equal(root.dataDir, "/var/lib/gantry");
  assert.deepEqual([root.ports.http, root.ports.grpc, root.listen], [9600, 9601, "127.0.0.1"]);
  const kim = readOptions([], { ...env, XDG_CONFIG_HOME: "/home/kim/conf" }, false);
  assert.equal(kim.dataDir, "/home/kim/.local/state/gantry");
  assert.equal(kim.contextFile, "/home/kim/conf/gantry/config.yaml");
});

test("the command line wins over the environment", () => {
  const options = readOptions(
    ["--data-dir", "/d", "--host-name", "h1"],
    { ...env, GANTRY_DATA_DIR: "/e", GANTRY_HOST_NAME: "h2" },
    true,
  );
  assert.deepEqual([options.dataDir, options.hostName], ["/d", "h1"]);
});

test("ports inside move with the one address, so that two realms do not collide", () => {
  const a = Object.values(readOptions([], env, true).ports);
  const b = Object.values(readOptions(["--http-port", "9650", "--grpc-port", "9651"], env, true).ports);
  assert.equal(new Set([...a, ...b]).size, a.length + b.length);
});

test("settings of other programs do not reach the services", () => {
  const options = readOptions([], { ...env, GANTRY_REDIS_URL: "redis://r", npm_config_x: "1", LANG: "C" }, true);
  assert.equal(options.redisUrl, "redis://r");
  assert.deepEqual(options.env, { ...env, LANG: "C" });
});

const bad: [what: string, args: string[], problem: RegExp][] = [
  ["a port that is none", ["--http-port", "banana"], /--http-port is "banana"/],
  ["a port too high", ["--grpc-port", "70000"], /--grpc-port is "70000"/],
  ["no room above", ["--grpc-port", "65535"], /no room/],
  ["the same port twice", ["--http-port", "9601"], /collide/],
  ["a host name", ["--host-name", "Not_Good"], /host name is "Not_Good"/],
  ["an unknown option", ["--frobnicate"], /frobnicate.*npm start -- --help/],
  ["several at once", ["--http-port", "0", "--grpc-port", "x"], /--http-port.*\n.*--grpc-port/],
];
for (const [what, args, problem] of bad) {
  test(`refused: ${what}`, () => {
    assert.throws(
      () => readOptions(args, env, true),
      (error: Error) => error instanceof OptionsError && problem.test(error.message),
    );
  });
}
