import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { pino } from "pino";
import { Catalog } from "../../../gateway/mirror/catalog.ts";
import { MIRROR_LIMITS } from "../../../gateway/mirror/limits.ts";
import { Change, type Item } from "../../../gateway/mirror/item.ts";
import { World } from "../../../gateway/mirror/world.ts";
import type { Principal } from "../../../services/common/auth/principal.ts";
import { makeItem } from "./support.ts";

const ADMIN: Principal = {
  kind: "user",
  subject: "ann",
  realmAdmin: true,
  roles: {},
  tokenId: "",
  expiresMs: Infinity,
};
const log = pino({ level: "silent" });

let items: Map<string, Item>;
let world: World;
let catalog: Catalog;
let synced: boolean;

beforeEach(() => {
  items = new Map();
  synced = false;
  world = new World();
  world.addSource({ items: () => items.values(), find: (key) => items.get(key) });
  catalog = new Catalog({ world, log, everSynced: () => synced });
});
afterEach(() => catalog.destroy());

const open = (name: string) => catalog.open(catalog.admit(name, ADMIN)).mirror;

function write(key: string, item: Item | undefined): void {
  const before = items.get(key);
  if (item) items.set(key, item);
  else items.delete(key);
  world.commit("compute", [new Change(key, before, item)]);
}

test("a change reaches each mirror that shows the thing or showed it, and no other", () => {
  const names = ["realm", "projects/a", "projects/b", "hosts/h1", "hosts/h2", "operations"];
  const mirrors = new Map(names.map((name) => [name, open(name)]));
  const changed = (key: string, item: Item | undefined): string[] => {
    const before = new Map(names.map((name) => [name, mirrors.get(name)!.s]));
    write(key, item);
    return names.filter((name) => mirrors.get(name)!.s > before.get(name)!);
  };
  const thing = (project: string, host: string, n: number): Item => makeItem("k", { n }, { project, host });
  assert.deepEqual(changed("k", thing("a", "", 1)), ["realm", "projects/a"]);
  assert.deepEqual(changed("k", thing("a", "h1", 2)), ["realm", "projects/a", "hosts/h1"]);
  assert.deepEqual(changed("k", thing("a", "h2", 3)), ["realm", "projects/a", "hosts/h1", "hosts/h2"]);
  assert.deepEqual(changed("k", thing("b", "h2", 4)), ["realm", "projects/a", "projects/b", "hosts/h2"]);
  assert.deepEqual(changed("k", undefined), ["realm", "projects/b", "hosts/h2"]);
  assert.deepEqual(changed("op", makeItem("op", {}, { project: "", kind: "Operation" })), ["realm", "operations"]);
});

test("a mirror that was dropped is not told any more, and begins anew with what there is", () => {
  const first = open("projects/a");
  write("k", makeItem("k", { n: 1 }, { project: "a" }));
  catalog.sweep(performance.now() + MIRROR_LIMITS.emptyMirrorKeptMs + 1);
  const { s } = first;
  write("k", makeItem("k", { n: 2 }, { project: "a" }));
  assert.equal(first.s, s);
  assert.notEqual(open("projects/a").epoch, first.epoch);
  assert.equal(open("projects/a").size, 1);
});

test("mirrors of projects and hosts end with their records, others stay", () => {
  const names = ["projects/a", "hosts/h1", "realm", "projects/b"];
  for (const [kind, key] of [
    ["Project", "projects/a"],
    ["Host", "hosts/h1"],
    ["Project", "projects/b"],
  ] as const) {
    write(key, makeItem(key, {}, { kind, project: key.split("/")[1]!, host: "" }));
  }
  for (const name of names) open(name);
  write("projects/a", undefined);
  write("hosts/h1", undefined);
  assert.deepEqual(
    names.filter((name) => catalog.find(name)),
    ["realm", "projects/b"],
  );
});

test("a mirror that was opened before it was known that its project does not exist ends once it is", () => {
  open("projects/nowhere");
  write("projects/b", makeItem("projects/b", {}, { kind: "Project", project: "b" }));
  open("projects/b");
  synced = true;
  world.setOrigin({ name: "compute", state: "live", asOf: undefined, message: "" });
  assert.equal(catalog.find("projects/nowhere"), undefined);
  assert.ok(catalog.find("projects/b"));
});

test("windows of the gateway before, when nobody comes back for them", () => {
  catalog.adopt([{ name: "projects/a", epoch: "e", s: 7, windowStart: 1, items: [], tombstones: [] }]);
  catalog.sweep(performance.now());
  assert.equal(catalog.hasSaved("projects/a"), true);
  catalog.sweep(performance.now() + MIRROR_LIMITS.emptyMirrorKeptMs + 1);
  assert.equal(catalog.hasSaved("projects/a"), false);
});
