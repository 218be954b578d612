import type { Logger } from "pino";
import { findContainer } from "../../common/engine/api/containers.ts";
import { identityOf, KIND_INSTANCE, LABEL_UID } from "../../common/engine/labels.ts";
import { type ContainerState, containerFromInspect } from "../../common/engine/state.ts";
import { GantryError, operationInProgress } from "../../common/errors/errors.ts";
import type { Operations } from "../../common/jobs/api.ts";
import { formatEngineName } from "../../common/names/engine-names.ts";
import { idOf, projectOf } from "../../common/names/resource-names.ts";
import { Backoff } from "../../common/observe/backoff.ts";
import { ReconcileLoop } from "../../common/observe/reconcile-loop.ts";
import type { StoreHandle } from "../../common/store/store.ts";
import type { Instance } from "../../../proto/gen/gantry/compute/v1/instance.ts";
import type { HostTools } from "../host-tools.ts";
import { instanceKind } from "../kinds.ts";
import { hasLivingProcess } from "../steps/orphan-shim.ts";
import { type Correction, difference } from "./difference.ts";
import { STRAY_GRACE_MS, Strays } from "./strays.ts";

export interface ReconcilerOptions {
  tools: HostTools;
  store: StoreHandle;
  operations: Operations;
  /** Whether this process does its host's work: one does. */
  isActive: () => boolean;
  log: Logger;
}

/** After a change: what belongs together mostly comes together. */
const SETTLE_MS = 200;
/** No instance's name. */
const STRAYS = "strays";
const INSPECT_TIMEOUT_MS = 10_000;

/**
 * Compares what is wanted with what is observed, after every change and every 30 s, and hands the difference to a job. Level-triggered: it
 * acts on how things are, never on what an event said; a job that runs on an instance has it to itself.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #backoff = new Backoff();
  readonly #strays: Strays;
  readonly #loop: ReconcileLoop;

  constructor(options: ReconcilerOptions) {
    const { tools, log, isActive, store } = options;
    this.#options = options;
    this.#strays = new Strays(options);
    this.#loop = new ReconcileLoop({
      names: () => [...tools.catalog.onHost(tools.host).map(({ meta }) => meta!.name), STRAYS],
      compare: (name) => (name === STRAYS ? this.#lookForStrays() : this.#compare(name)),
      canWork: () => isActive() && store.state === "live" && tools.observer.status.state === "live",
      log,
    });
  }

  /** Until `signal` aborts. */
  run(signal: AbortSignal): void {
    const { tools } = this.#options;
    const stops = [
      tools.observer.onChange((changes) => {
        for (const change of changes) {
          if (change.kind === "network" && change.type === "delete" && change.previous.name === tools.network.name) {
            tools.network.forget();
          }
          if (change.kind !== "container") continue;
          const labels = change.type === "put" ? change.object.labels : change.previous.labels;
          const identity = identityOf(labels);
          if (identity?.kind === KIND_INSTANCE) this.#loop.later(identity.name, SETTLE_MS);
        }
      }),
      tools.observer.onStatus(({ state }) => {
        if (state === "live") this.#loop.everything();
      }),
      tools.catalog.onChange((instance, deleted) => {
        const { name, uid, host, operation } = instance.meta!;
        if (deleted) this.#backoff.forget(uid);
        else if (host === tools.host && operation === "") this.#loop.later(name, SETTLE_MS);
      }),
    ];
    const end = (): void => {
      for (const stop of stops) stop();
    };
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    this.#loop.run(signal);
  }

  /** What has begun is over. */
  idle(): Promise<void> {
    return this.#loop.idle();
  }

  async #lookForStrays(): Promise<void> {
    if (await this.#strays.look()) this.#loop.later(STRAYS, STRAY_GRACE_MS + SETTLE_MS);
  }

  async #compare(name: string): Promise<void> {
    const { tools } = this.#options;
    const known = tools.catalog.get(name);
    if (!known?.meta || known.meta.host !== tools.host) return;
    if (difference(known, this.#observed(known)) === undefined) return;
    const waitMs = this.#backoff.waitMs(known.meta.uid, performance.now());
    if (waitMs > 0) return this.#loop.later(name, waitMs);
    await this.#correct(name);
  }

  #observed({ meta, status }: Instance): ContainerState | undefined {
    const { observer } = this.#options.tools;
    const container = observer.get("container", status?.containerId ?? "");
    if (container) return container;
    return observer.all("container").find((each) => each.labels[LABEL_UID] === meta?.uid);
  }

  /** Looks once more, at record and engine themselves: what is in memory may be a moment old. */
  async #correct(name: string): Promise<void> {
    const { store, tools, log } = this.#options;
    const instance = await store.get(instanceKind, name);
    if (!instance?.meta) return;
    const engineName = formatEngineName(projectOf(name), idOf(name));
    const raw = await findContainer(tools.engine, engineName, { timeoutMs: INSPECT_TIMEOUT_MS });
    const own = raw?.Config.Labels?.[LABEL_UID] === instance.meta.uid ? raw : undefined;
    const container = own && containerFromInspect(own);
    const correction = difference(instance, container);
    if (correction === undefined) return;
    // Killed again and again, but not by the engine: that is how the workload is.
    if (correction === "start" && container?.state === "restarting" && !(await hasLivingProcess(container.id))) return;
    this.#backoff.tried(instance.meta.uid, performance.now());
    try {
      await this.#submit(instance, correction);
      log.info({ target: name, correction, state: own?.State.Status ?? "missing" }, "brought back in line");
    } catch (error) {
      if (!(error instanceof GantryError) || error.reason !== "OPERATION_IN_PROGRESS") throw error;
    }
  }

  async #submit(seen: Instance, correction: Correction): Promise<void> {
    const { name, uid, generation } = seen.meta!;
    await this.#options.operations.submit({
      job: `${correction}-instance`,
      verb: correction,
      kind: instanceKind,
      target: name,
      project: projectOf(name),
      host: (instance) => instance.meta?.host ?? "",
      async write(tx) {
        const instance = await tx.need(instanceKind, name);
        const { meta } = instance;
        if (meta?.uid !== uid || meta.generation !== generation) throw changedMeanwhile(name);
        // A deletion takes over from what runs: not from one that a user has asked for since.
        if (meta.operation !== "") throw operationInProgress(name, meta.operation);
        tx.put(instanceKind, instance);
        return instance;
      },
    });
  }
}

function changedMeanwhile(name: string): Error {
  return new Error(`${name} has changed meanwhile: it is looked at again`);
}
