import assert from "node:assert/strict";
import { test } from "node:test";
import { debian12Sources } from "../../../../../deploy/local/images/node/sources.ts";
import { parseOsRelease } from "../../../../../deploy/local/packages/os-release.ts";
import type { PackageSource } from "../../../../../deploy/local/packages/sources.ts";

const uri = "http://mirror.example/debian";
const debian = (codename: string) => parseOsRelease(`ID=debian\nVERSION_CODENAME=${codename}\nPRETTY_NAME="Debian"`);
const of = (...suites: string[]): PackageSource[] => suites.map((suite) => ({ uri, suite, component: "main" }));

test("a node is made of Debian 12's main alone, whatever the machine takes its own packages from", () => {
  const configured = [...of("trixie", "trixie-updates", "sid"), { uri, suite: "trixie", component: "contrib" }];
  const { choices, preferences } = debian12Sources(debian("trixie"), configured);
  const expected = of("bookworm", "bookworm-updates");
  assert.deepEqual(choices, [[...expected, ...expected.map((source) => ({ ...source, source: true }))]]);
  assert.equal(preferences, "");
});

test("security updates come from where the machine has its own", () => {
  const security = { uri: "http://mirror.example/debian-security", suite: "bookworm-security", component: "main" };
  const { choices } = debian12Sources(debian("bookworm"), [...of("bookworm"), security]);
  assert.deepEqual(choices[0]!.slice(0, 2), [...of("bookworm"), security]);
});

test("another distribution, and a machine without its own main, are refused", () => {
  const ubuntu = parseOsRelease('ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04"');
  assert.throws(() => debian12Sources(ubuntu, of("noble")), /only on Debian, not on Ubuntu 24\.04/);
  assert.throws(
    () => debian12Sources(debian("bookworm"), of("bookworm-updates")),
    /no source for Debian \(bookworm main\)/,
  );
});
