import assert from "node:assert/strict";
import { test } from "node:test";
import { containerdConfig, engineConfig } from "../../../../deploy/local/engine/engine-config.ts";
import { chooseNetwork } from "../../../../deploy/local/engine/free-network.ts";
import { masqueradeRules } from "../../../../deploy/local/engine/network.ts";
import { enginePaths } from "../../../../deploy/local/engine/paths.ts";

test("everything of a private engine lies in its folder, and it leaves the firewall alone", () => {
  const paths = enginePaths("/data/engine");
  const network = chooseNetwork("gantry0", 0, []);
  const config = engineConfig(paths, { network });
  for (const key of ["data-root", "exec-root", "pidfile", "containerd"]) {
    assert.match(String(config[key]), /^\/data\/engine\//, key);
  }
  assert.deepEqual(config["hosts"], ["unix:///data/engine/docker.sock"]);
  assert.deepEqual([config["iptables"], config["ip6tables"], config["live-restore"]], [false, false, true]);
  for (const [, value] of containerdConfig(paths).matchAll(/^(?:root|state|address) = "(.*)"$/gm)) {
    assert.match(value!, /^\/data\/engine\//);
  }
});

test("a folder whose name is too long for a socket is refused at once", () => {
  assert.throws(() => enginePaths(`/${"x".repeat(90)}`), /too long a name/);
});

test("networks: the first free /16, wherever the search begins", () => {
  const cases: [start: number, routes: string[], range: string][] = [
    [0, [], "10.64.0.0/16"],
    [0, ["default", "192.168.1.0/24", "10.0.0.0/24"], "10.64.0.0/16"],
    [0, ["10.64.3.0/24", "10.65.0.1"], "10.66.0.0/16"],
    [0, ["10.64.0.0/15"], "10.66.0.0/16"],
    [63, ["10.127.0.0/16"], "10.64.0.0/16"],
    [200, [], "10.72.0.0/16"],
  ];
  for (const [start, routes, range] of cases) assert.equal(chooseNetwork("b", start, routes).range, range);
  assert.throws(() => chooseNetwork("b", 0, ["10.0.0.0/8"]), /in use/);
});

test("only what leaves the engine's networks is masqueraded, in a table of the engine's own", () => {
  const rules = masqueradeRules(chooseNetwork("gantry7", 3, []));
  assert.match(rules, /^table ip gantry7\ndelete table ip gantry7\n+table ip gantry7 \{/);
  assert.match(rules, /ip saddr 10\.67\.0\.0\/16 ip daddr != 10\.67\.0\.0\/16 masquerade/);
});
