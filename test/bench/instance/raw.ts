import { randomUUID } from "node:crypto";
import { Instance, type InstanceSpec } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import {
  createContainer,
  inspectContainer,
  putArchive,
  removeContainer,
  startContainer,
} from "../../../services/common/engine/api/containers.ts";
import { removeVolume } from "../../../services/common/engine/api/volumes.ts";
import type { Engine } from "../../../services/common/engine/engine.ts";
import { instanceFiles } from "../../../services/compute/inner-engine/archive.ts";
import { issueClient, issueInstanceTls } from "../../../services/compute/inner-engine/authority.ts";
import { waitInnerEngine } from "../../../services/compute/inner-engine/wait-ready.ts";
import { containerOptions, innerEngineVolume } from "../../../services/compute/instances/container-options.ts";
import { hasInnerEngine } from "../../../services/compute/instances/defaults.ts";

const READY_TIMEOUT_MS = 120_000;

export interface RawContainer {
  id: string;
  uid: string;
}

/**
 * The same container as Gantry makes for the spec, by the engine alone: create and start. With an inner engine also what makes it the
 * same: its certificate goes in before the start (issued beforehand: `tls` is not timed), and it has answered at the end.
 */
export async function createRaw(
  engine: Engine,
  options: { spec: InstanceSpec; network: string; innerPool: string; tls?: Awaited<ReturnType<typeof issueTls>> },
): Promise<RawContainer> {
  const uid = randomUUID();
  const instance = Instance.fromPartial({ meta: { name: `bench/${uid}`, uid } });
  instance.spec = options.spec;
  const body = containerOptions({ instance, realm: "", deviceRequests: [], ...options });
  // The realm under test must not take it for one of its own.
  const { Id: id } = await createContainer(engine, `bench-${uid}`, { ...body, Labels: {} } as never);
  const { tls } = options;
  if (tls) await putArchive(engine, id, "/", instanceFiles({ tls: tls.instance, userData: "" }));
  await startContainer(engine, id);
  if (tls) {
    const { Networks } = (await inspectContainer(engine, id)).NetworkSettings;
    const target = {
      address: Networks[options.network]!.IPAddress,
      ca: tls.instance.ca.certificate,
      client: tls.client,
    };
    const signal = AbortSignal.timeout(READY_TIMEOUT_MS);
    await waitInnerEngine(target, { timeoutMs: READY_TIMEOUT_MS, signal, giveUp: async () => undefined });
  }
  return { id, uid };
}

export async function removeRaw(engine: Engine, { id, uid }: RawContainer, spec: InstanceSpec): Promise<void> {
  await removeContainer(engine, id);
  if (hasInnerEngine(spec)) await removeVolume(engine, innerEngineVolume(uid));
}

/** Good for whatever address the engine gives: every address of the subnet is in it. */
export async function issueTls(addresses: string[]) {
  const now = new Date();
  const instance = await issueInstanceTls({ uid: randomUUID(), hosts: addresses, now });
  return { instance, client: await issueClient(instance.ca, { subject: "bench", now }) };
}
