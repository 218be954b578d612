import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Instance } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import { Instance as InstanceMessage } from "../../../../proto/gen/gantry/compute/v1/instance.ts";
import type { Principal } from "../../../../services/common/auth/principal.ts";
import type { Kind } from "../../../../services/common/store/api.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "../store/support.ts";
import { eventually, instance, instances, nameOf, open, tempFolder } from "../store/support.ts";
import { Watcher } from "./support.ts";

const kind: Kind<Instance> = {
  ...instances,
  redact: (record) => ({ ...record, spec: record.spec && { ...record.spec, env: {} } }),
};
const user: Principal = { kind: "user", subject: "eve", realmAdmin: true, roles: {}, tokenId: "t", expiresMs: 8.64e15 };
const gateway: Principal = { ...user, kind: "process", subject: "gateway" };

let redis: TestRedis;
let folder: TestFolder;
let store: StoreHandle;

before(async () => {
  redis = await startRedis();
  folder = await tempFolder();
  store = await open({ redisUrl: redis.url, dataDir: folder.path, kinds: [kind] });
});

after(async () => {
  await store?.close();
  await redis?.stop();
  await folder?.remove();
});

async function create(id: string): Promise<void> {
  const record = instance(id);
  record.spec!.env = { PASSWORD: "hunter2" };
  await store.transact(async (tx) => tx.create(kind, record));
}

test("users' watchers get no secrets, neither in a snapshot nor later; the realm's processes get whole records", async () => {
  await create("before");
  const watchers = [user, gateway].map((principal) => new Watcher(store, { ctx: { principal } }));
  try {
    await Promise.all(watchers.map((watcher) => watcher.whenSynced()));
    await create("later");
    const [seen, whole] = watchers as [Watcher, Watcher];
    for (const watcher of watchers) await eventually(() => watcher.names().includes("later"));
    for (const id of ["before", "later"]) {
      assert.deepEqual(envOf(seen, id), {}, id);
      assert.deepEqual(envOf(whole, id), { PASSWORD: "hunter2" }, id);
    }
  } finally {
    await Promise.all(watchers.map((watcher) => watcher.close()));
  }
});

function envOf(watcher: Watcher, id: string): Record<string, string> | undefined {
  const event = watcher.events.findLast((each) => each.name === nameOf(id));
  return event?.object && InstanceMessage.decode(event.object.value).spec?.env;
}
