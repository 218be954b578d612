import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { after, before, test } from "node:test";
import { WatchRequest } from "../../../../proto/gen/gantry/common/v1/watch.ts";
import type { Principal } from "../../../../services/common/auth/principal.ts";
import type { StoreHandle } from "../../../../services/common/store/store.ts";
import { WATCH_LIMITS } from "../../../../services/common/watch/limits.ts";
import { ObservationHub } from "../../../../services/common/watch/observations.ts";
import { serveWatch } from "../../../../services/common/watch/serve-watch.ts";
import type { TestRedis } from "../../../support/redis.ts";
import { startRedis } from "../../../support/redis.ts";
import type { TestFolder } from "../store/support.ts";
import { open, tempFolder } from "../store/support.ts";

let redis: TestRedis;
let folder: TestFolder;
let store: StoreHandle;

before(async () => {
  redis = await startRedis();
  folder = await tempFolder();
  store = await open({ redisUrl: redis.url, dataDir: folder.path });
});

after(async () => {
  await store?.close();
  await redis?.stop();
  await folder?.remove();
});

test("one user cannot take the watchers of all", async () => {
  const serve = serveWatch({
    store,
    observations: new ObservationHub(),
    limits: { ...WATCH_LIMITS, watchersPerUserMax: 2 },
  });
  const ends = new AbortController();
  const watch = (principal: Principal, signal = ends.signal): Promise<void> => {
    const sink = { write: async () => undefined, writeRaw: async () => undefined };
    return serve(WatchRequest.fromPartial({}), { principal, signal }, sink);
  };
  const who = { realmAdmin: true, roles: {}, tokenId: "t", expiresMs: 8.64e15 };
  const eve: Principal = { ...who, kind: "user", subject: "eve" };
  const first = new AbortController();
  const running = [watch(eve, first.signal), watch(eve)];
  try {
    await assert.rejects(Promise.race([watch(eve), delay(5_000)]), {
      reason: "RESOURCE_EXHAUSTED",
      metadata: { limit: "WATCHERS_PER_USER_MAX" },
    });
    running.push(watch({ ...eve, subject: "ann" }));
    for (let i = 0; i < 3; i += 1) running.push(watch({ ...eve, kind: "process", subject: "eve" }));
    first.abort();
    await running[0];
    running.push(watch(eve));
  } finally {
    first.abort();
    ends.abort();
  }
  await Promise.all(running);
});
