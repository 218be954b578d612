import assert from "node:assert/strict";
import { test } from "node:test";
import { isDebianFamily, parseOsRelease } from "../../../../deploy/local/packages/os-release.ts";
import { chooseSources, parseIndexTargets, renderPreferences } from "../../../../deploy/local/packages/sources.ts";

const bookworm = parseOsRelease(
  'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12"\n',
);
const noble = parseOsRelease('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n');
const fedora = parseOsRelease("ID=fedora\nVERSION_ID=42\n");

const TARGETS = `http://mirror.test/debian/|bookworm|main
http://mirror.test/debian/|bookworm-updates|main
http://other.test/tools|cloud-sdk|main
`;

test("os-release: quotes, families, what is absent", () => {
  assert.equal(bookworm.versionId, "12");
  assert.equal(bookworm.prettyName, "Debian GNU/Linux 12");
  assert.deepEqual(noble.like, ["debian"]);
  assert.deepEqual([bookworm, noble, fedora].map(isDebianFamily), [true, true, false]);
  assert.equal(fedora.codename, "");
});

test("Debian 12 takes its engine from newer suites of its own mirror, and does without one that is not to be had", () => {
  const choices = chooseSources(bookworm, parseIndexTargets(TARGETS));
  const suites = choices.map((sources) => sources.map(({ suite }) => suite));
  assert.deepEqual(suites, [
    ["bookworm", "bookworm-updates", "trixie", "sid"],
    ["bookworm", "bookworm-updates", "trixie"],
  ]);
  assert.ok(choices.flat().every(({ uri }) => uri === "http://mirror.test/debian/"));
});

test("other releases use what they have", () => {
  const targets = parseIndexTargets(
    "http://mirror.test/ubuntu/|noble|main\nhttp://mirror.test/ubuntu/|noble|universe\n",
  );
  assert.deepEqual(
    chooseSources(noble, targets).map((sources) => sources.map(({ component }) => component)),
    [["main", "universe"]],
  );
  assert.equal(renderPreferences(noble), "");
});

test("a machine whose apt knows nothing of its own release is named", () => {
  assert.throws(() => chooseSources(bookworm, []), /no source for Debian GNU\/Linux 12/);
});

test("from newer suites only the engine is preferred over Debian 12's own 500", () => {
  const records = renderPreferences(bookworm)
    .trim()
    .split("\n\n")
    .map((record) => Object.fromEntries(record.split("\n").map((line) => line.split(/: (.*)/).slice(0, 2))));
  const everything = records.filter((record) => record["Package"] === "*");
  assert.equal(everything.length, 2);
  assert.ok(everything.every((record) => Number(record["Pin-Priority"]) <= 100));
  const preferred = records.filter((record) => Number(record["Pin-Priority"]) > 500).map((record) => record["Package"]);
  assert.deepEqual(new Set(preferred), new Set(["docker.io docker-cli", "containerd"]));
});
