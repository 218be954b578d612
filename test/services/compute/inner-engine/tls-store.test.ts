import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { InstanceTls } from "../../../../services/compute/inner-engine/authority.ts";
import { TlsStore } from "../../../../services/compute/inner-engine/tls-store.ts";

const tls = (mark: string): InstanceTls => ({
  ca: { certificate: `ca ${mark}`, key: `ca key ${mark}` },
  server: { certificate: `server ${mark}`, key: `server key ${mark}` },
});

test("an instance's keys are kept whole, replaced whole and removed, readable by their owner alone", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "tls-store-test-"));
  try {
    const store = new TlsStore(dataDir);
    assert.equal(await store.read("u1"), undefined);
    await store.write("u1", tls("one"));
    await store.write("u1", tls("two"));
    assert.deepEqual(await new TlsStore(dataDir).read("u1"), tls("two"));
    assert.deepEqual(await store.readAuthority("u1"), tls("two").ca);
    assert.deepEqual(await readdir(join(dataDir, "instances")), ["u1"]);
    assert.equal((await stat(store.folder("u1"))).mode & 0o777, 0o700);
    for (const file of await readdir(store.folder("u1"))) {
      assert.equal((await stat(join(store.folder("u1"), file))).mode & 0o777, 0o600);
    }
    await store.remove("u1");
    assert.equal(await store.read("u1"), undefined);
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
});
