import assert from "node:assert/strict";
import { test } from "node:test";
import { waitUntil } from "../../../../deploy/local/process/wait-until.ts";
import { HOST_FEED_KINDS } from "../../../../gateway/mirror/host-feed-kinds.ts";
import { ComputeServiceClient } from "../../../../proto/gen/gantry/compute/v1/compute.ts";
import { OBSERVED_KINDS } from "../../../../services/cluster/kubernetes/observations/kinds.ts";
import { call } from "../../../../services/common/rpc/client.ts";
import { startApiServer } from "../../../support/api-server.ts";
import { addObservedCluster } from "../../../support/observed-cluster.ts";
import { withPlatform } from "../../../support/platform.ts";
import { SECOND_HOST, startOnSecondHost } from "../../../support/second-host.ts";
import { makeNamespace, makePod } from "./observations/support.ts";

const WAIT_MS = 30_000;

test("gateways ask other hosts for every kind that is observed in clusters", () => {
  const asked = HOST_FEED_KINDS.find(({ service }) => service === "cluster")!.kinds;
  assert.deepEqual(
    asked,
    OBSERVED_KINDS.map(({ kind }) => kind),
  );
});

test("a cluster of another host is shown in the mirrors of this host's gateway, once, and goes with it", async () => {
  await using api = await startApiServer();
  await makeNamespace(api.client, "web");
  await makePod(api.client, "web", "p0");
  await withPlatform({ services: ["compute", "cluster", "gateway"] }, async (platform) => {
    const closers: (() => Promise<void>)[] = [];
    const mirror = platform.mirror("projects/default");
    const until = (what: string, check: () => boolean): Promise<true> =>
      waitUntil(async () => (check() ? true : undefined), { what, timeoutMs: WAIT_MS });
    const shown = (key: string): boolean => mirror.replica.get(key) !== undefined;
    const stateOf = (origin: string) => mirror.replica.origins.get(origin)?.state;
    try {
      for (const service of ["compute", "cluster"] as const)
        closers.push((await startOnSecondHost(platform, service)).stop);
      await mirror.start();
      const far = await addObservedCluster(platform, api, "far", SECOND_HOST);
      const near = await addObservedCluster(platform, api, "near");
      await until("the far cluster's pod is shown", () => shown("kubernetes/far/Pod/web/p0"));
      await until("the near cluster's pod is shown", () => shown("kubernetes/near/Pod/web/p0"));
      for (const origin of ["kubernetes/far", "kubernetes/near", "cluster"])
        await until(`${origin} is live`, () => stateOf(origin) === "live");

      const compute = platform.client(ComputeServiceClient);
      const request = { pageSize: 0, pageToken: "", labelSelector: "" };
      const { hosts } = await call(compute, "listHosts", request, { token: platform.adminToken });
      for (const { meta, status } of hosts)
        assert.deepEqual(Object.keys(status!.endpoints).toSorted(), ["cluster", "compute"], meta!.name);

      await makePod(api.client, "web", "p1");
      await until("a new pod is shown of both", () =>
        ["far", "near"].every((id) => shown(`kubernetes/${id}/Pod/web/p1`)),
      );
      // The far host's cluster service goes: what it showed stays, and is said to be stale.
      await closers.pop()!();
      await until("stale", () => stateOf("kubernetes/far") === "stale");
      assert.ok(shown("kubernetes/far/Pod/web/p1"));
      assert.equal(stateOf("cluster"), "live");
      assert.equal(stateOf("kubernetes/near"), "live");
      closers.push((await startOnSecondHost(platform, "cluster")).stop);
      await until("live again", () => stateOf("kubernetes/far") === "live");

      await far.remove();
      await until("nothing of it is left", () => {
        return ![...mirror.replica.items()].some(({ k }) => k.startsWith("kubernetes/far/"));
      });
      assert.ok(shown("kubernetes/near/Pod/web/p1"));
      await near.remove();
      await until("nor of the near one", () => {
        return ![...mirror.replica.items()].some(({ k }) => k.startsWith("kubernetes/near/"));
      });
      assert.equal(mirror.counts.mismatches, 0);
    } finally {
      mirror.close();
      for (const close of closers.toReversed()) await close();
    }
  });
});
