import assert from "node:assert/strict";
import { test } from "node:test";
import { connectRedis, waitReady } from "../../../../services/common/redis/connect.ts";
import { Whereabouts } from "../../../../services/common/redis/whereabouts.ts";
import { startRedis } from "../../../support/redis.ts";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";

test("a process is found by its host as long as it tells where it is", async () => {
  await using server = await startRedis();
  const redis = connectRedis(server.url);
  await waitReady(redis, 5_000);
  const of = (host: string, prefix = "{gantry:a}"): Whereabouts =>
    new Whereabouts({ redis, prefix, host, onError: (error) => assert.fail(error) });
  const one = of("one");
  try {
    one.announce("10.0.0.1:1");
    of("two").announce("10.0.0.2:2");
    const found = async (): Promise<true | undefined> => ((await one.find("two")) === "10.0.0.2:2" ? true : undefined);
    await waitUntil(found, { what: "the other is found", timeoutMs: 5_000 });
    assert.equal(await one.find("one"), "10.0.0.1:1");
    assert.equal(await one.find("three"), undefined);
    assert.equal(await of("one", "{gantry:b}").find("one"), undefined);
    const left = await redis.pttl("{gantry:a}:endpoint:one");
    assert.ok(left > 0 && left <= 15_000, `${left} ms`);
  } finally {
    one.close();
    redis.disconnect();
  }
});
