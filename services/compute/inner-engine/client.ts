import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import { failedPrecondition } from "../../common/errors/errors.ts";
import type { TlsStore } from "./tls-store.ts";
import { type InnerEngineTarget, probeInnerEngine } from "./wait-ready.ts";

/** Certificates kept for questions to come; the least recently made goes first. */
const TARGETS_KEPT_MAX = 1_000;
/** Far less than a client certificate lives. */
const TARGET_AGE_MAX_MS = 3_600_000;

export interface InnerEngineClientOptions {
  tls: TlsStore;
  /** Host id: who asks. */
  host: string;
  now: () => Date;
}

/** Asks inner engines whether they answer, with client certificates of their own authorities. */
export class InnerEngineClient {
  readonly #options: InnerEngineClientOptions;
  readonly #targets = new Map<string, { target: InnerEngineTarget; madeMs: number }>();

  constructor(options: InnerEngineClientOptions) {
    this.#options = options;
  }

  /** Version of the instance's inner engine; rejects while it does not answer over mutual TLS. */
  async ask(instance: Instance, signal: AbortSignal): Promise<string> {
    return probeInnerEngine(await this.target(instance), signal);
  }

  /** FAILED_PRECONDITION KEYS_LOST when the instance's keys are not on this host. */
  async target(instance: Instance): Promise<InnerEngineTarget> {
    const { uid, name } = instance.meta!;
    const address = instance.reservation?.ipv4 ?? "";
    const kept = this.#targets.get(uid);
    if (kept && kept.target.address === address && performance.now() - kept.madeMs < TARGET_AGE_MAX_MS)
      return kept.target;
    const { tls, host, now } = this.#options;
    const ca = await tls.readAuthority(uid);
    if (!ca) throw failedPrecondition("KEYS_LOST", `the keys of ${name} are not on host ${host} any more`, { name });
    // Loaded where it is used: it costs a process that never needs it a tenth of its memory.
    const { issueClient } = await import("./authority.ts");
    const client = await issueClient(ca, { subject: `gantry.${host}`, now: now() });
    const target = { address, ca: ca.certificate, client };
    this.#targets.delete(uid);
    this.#targets.set(uid, { target, madeMs: performance.now() });
    if (this.#targets.size > TARGETS_KEPT_MAX) this.#targets.delete(this.#targets.keys().next().value!);
    return target;
  }

  forget(uid: string): void {
    this.#targets.delete(uid);
  }
}
