import type { Step } from "../../common/jobs/api.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import { formatName, HOST } from "../../common/names/resource-names.ts";
import { type InstanceContext, updateInstance } from "../jobs/context.ts";
import { hostKind } from "../kinds.ts";
import { chooseGpus, gpuHolders } from "../placement/gpus.ts";

/** Devices are chosen and written one instance after the other: each choice sees the one before. */
let gpuTurn: Promise<unknown> = Promise.resolve();

/** Address and devices on this host, in the record and on disk before anything is made with them. */
export const reserve: Step<InstanceContext> = {
  name: "reserve",
  timeoutMs: 30_000,
  attempts: 5,
  // Where the process that took the request is this host's own, the address came with the record.
  needed: ({ instance, tools }) =>
    instance.spec!.gpus.length > 0 || !tools.network.includes(instance.reservation?.ipv4 ?? ""),
  async do(ctx) {
    if ((ctx.instance.spec?.gpus.length ?? 0) === 0) return reserveAll(ctx);
    const turn = gpuTurn.then(() => reserveAll(ctx));
    gpuTurn = turn.catch(() => undefined);
    return turn;
  },
};

async function reserveAll(ctx: InstanceContext): Promise<void> {
  const addresses = await ctx.tools.network.addresses(ctx.signal);
  const held = ctx.instance.reservation;
  const wanted = ctx.instance.spec?.gpus ?? [];
  const gpus = held && held.gpus.length > 0 ? held.gpus : wanted.length > 0 ? await gpusFor(ctx) : [];
  const keeps = held !== undefined && addresses.includes(held.ipv4);
  if (keeps && held.gpus.length === gpus.length) return;
  const ipv4 = keeps ? held.ipv4 : addresses.reserve(ctx.uid);
  await updateInstance(ctx, (instance) => void (instance.reservation = { ipv4, gpus }), { durable: true });
}

async function gpusFor(ctx: InstanceContext): Promise<string[]> {
  const host = await ctx.store.need(hostKind, formatName(HOST, { host: ctx.tools.host }));
  const others = ctx.tools.catalog.onHost(ctx.tools.host).filter((instance) => instance.meta?.uid !== ctx.uid);
  const choice = chooseGpus(ctx.instance.spec?.gpus ?? [], host.status?.gpus ?? [], gpuHolders(others));
  if ("ids" in choice) return choice.ids;
  throw failedPrecondition("NO_DEVICE", `${ctx.tools.host} ${choice.reason}`, { host: ctx.tools.host });
}
