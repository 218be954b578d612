import { putArchive } from "../../common/engine/api/containers.ts";
import type { Step } from "../../common/jobs/api.ts";
import { idOf } from "../../common/names/resource-names.ts";
import type { InstanceTls } from "../inner-engine/authority.ts";
import { instanceFiles } from "../inner-engine/archive.ts";
import { hasInnerEngine } from "../instances/defaults.ts";
import type { InstanceContext } from "../jobs/context.ts";
import { needContainer } from "./find-container.ts";
import { ENGINE_ATTEMPTS } from "./attempts.ts";

/** What the instance needs before its first start: the inner engine's certificate, the user's script. */
export const putFiles: Step<InstanceContext> = {
  name: "put-files",
  timeoutMs: 60_000,
  attempts: ENGINE_ATTEMPTS,
  needed: ({ instance }) => hasInnerEngine(instance.spec!) || instance.spec!.userData !== "",
  async do(ctx) {
    const spec = ctx.instance.spec!;
    const tls = hasInnerEngine(spec) ? await tlsFor(ctx) : undefined;
    const archive = instanceFiles({ tls, userData: spec.userData });
    await putArchive(ctx.tools.engine, await needContainer(ctx), "/", archive, { signal: ctx.signal });
  },
};

/** Made once: an instance whose container is made anew keeps its authority, and so its clients. */
async function tlsFor(ctx: InstanceContext): Promise<InstanceTls> {
  const known = await ctx.tools.tls.read(ctx.uid);
  if (known) return known;
  // Loaded where it is used: it costs a process that never needs it a tenth of its memory.
  const { issueInstanceTls } = await import("../inner-engine/authority.ts");
  const address = ctx.instance.reservation?.ipv4 ?? "";
  const hosts = new Set([idOf(ctx.name), ctx.instance.spec!.hostname, "localhost", "127.0.0.1"]);
  if (address !== "") hosts.add(address);
  const tls = await issueInstanceTls({ uid: ctx.uid, hosts: [...hosts], now: ctx.store.now() });
  await ctx.tools.tls.write(ctx.uid, tls);
  return tls;
}
