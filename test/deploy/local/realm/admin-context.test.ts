import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeAdminContext } from "../../../../deploy/local/realm/admin-context.ts";
import { readContexts, writeContexts } from "../../../../gateway/cli/config/contexts.ts";
import { createRealm } from "../../../../services/common/realm/realm.ts";
import { testFolder } from "../../../support/cleanup.ts";

test("the context in use stays in use, and another realm's stays that realm's", async () => {
  await using folder = await testFolder();
  const contextFile = join(folder.path, "config.yaml");
  const target = { contextFile, address: "127.0.0.1:9601", gateway: "http://127.0.0.1:9600" };
  const first = await createRealm(join(folder.path, "a"));
  assert.deepEqual(await writeAdminContext(first, target), { name: "local", isCurrent: true });

  const second = await createRealm(join(folder.path, "b"));
  const other = { ...target, address: "127.0.0.1:9701" };
  assert.deepEqual(await writeAdminContext(second, other), { name: "local-9701", isCurrent: false });
  assert.equal(readContexts(contextFile).contexts["local"]?.ca, first.caPath);

  const before = readContexts(contextFile);
  writeContexts(contextFile, { ...before, current: "local-9701" });
  assert.deepEqual(await writeAdminContext(first, target), { name: "local", isCurrent: false });
  const after = readContexts(contextFile);
  assert.equal(after.current, "local-9701");
  assert.notEqual(after.contexts["local"]?.token, before.contexts["local"]?.token, "renewed");

  // Two realms that have had the same port, one after the other.
  const third = await createRealm(join(folder.path, "c"));
  const { name } = await writeAdminContext(third, other);
  assert.equal(name, `local-${third.caPath}`);

  await rm(join(folder.path, "a"), { recursive: true });
  const fourth = await createRealm(join(folder.path, "d"));
  assert.equal((await writeAdminContext(fourth, target)).name, "local", "that of a realm which was removed");
});
