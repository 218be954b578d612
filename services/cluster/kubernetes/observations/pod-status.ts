import { condition, count, field, flag, list, text } from "./raw.ts";

export interface PodSummary {
  /** The column STATUS of `kubectl get pods`. */
  status: string;
  ready: number;
  total: number;
  restarts: number;
}

/** What kubectl's table says of a pod. */
export function podSummary(pod: unknown): PodSummary {
  const sidecars = new Set(
    list(pod, "spec", "initContainers")
      .filter((container) => text(container, "restartPolicy") === "Always")
      .map((container) => text(container, "name")),
  );
  const init = initPhase(pod, sidecars);
  const initialized = text(condition(pod, "Initialized"), "status") === "True";
  const main = init.word === undefined || initialized ? mainPhase(pod) : undefined;
  const words = main === undefined ? init.word : (main.word ?? init.word);
  return {
    status: deletionWord(pod) ?? words ?? ownWord(pod),
    ready: init.ready + (main?.ready ?? 0),
    total: list(pod, "spec", "containers").length + sidecars.size,
    restarts: main === undefined ? init.restarts : init.sidecarRestarts + main.restarts,
  };
}

/** What the pod says of itself as a whole. */
function ownWord(pod: unknown): string {
  if (text(condition(pod, "PodScheduled"), "reason") === "SchedulingGated") return "SchedulingGated";
  return text(pod, "status", "reason") || text(pod, "status", "phase");
}

function deletionWord(pod: unknown): string | undefined {
  if (text(pod, "metadata", "deletionTimestamp") === "") return undefined;
  if (text(pod, "status", "reason") === "NodeLost") return "Unknown";
  const phase = text(pod, "status", "phase");
  return phase === "Succeeded" || phase === "Failed" ? undefined : "Terminating";
}

interface InitPhase {
  /** Undefined once all have done their work. */
  word: string | undefined;
  /** Sidecars that are ready. */
  ready: number;
  restarts: number;
  sidecarRestarts: number;
}

function initPhase(pod: unknown, sidecars: ReadonlySet<string>): InitPhase {
  const found: InitPhase = { word: undefined, ready: 0, restarts: 0, sidecarRestarts: 0 };
  for (const [index, status] of list(pod, "status", "initContainerStatuses").entries()) {
    const sidecar = sidecars.has(text(status, "name"));
    found.restarts += count(status, "restartCount");
    if (sidecar) found.sidecarRestarts += count(status, "restartCount");
    const ended = field(status, "state", "terminated");
    if (isObject(ended) && field(ended, "exitCode") === 0) continue;
    if (sidecar && flag(status, "started")) {
      if (flag(status, "ready")) found.ready += 1;
      continue;
    }
    const waits = text(status, "state", "waiting", "reason");
    if (isObject(ended)) found.word = `Init:${endWord(ended)}`;
    else if (waits !== "" && waits !== "PodInitializing") found.word = `Init:${waits}`;
    else found.word = `Init:${index}/${list(pod, "spec", "initContainers").length}`;
    return found;
  }
  return found;
}

interface MainPhase {
  word: string | undefined;
  ready: number;
  restarts: number;
}

/** The first container that has something to say wins; one that still runs makes a completed pod run. */
function mainPhase(pod: unknown): MainPhase {
  const found: MainPhase = { word: undefined, ready: 0, restarts: 0 };
  let runs = false;
  for (const status of list(pod, "status", "containerStatuses").toReversed()) {
    found.restarts += count(status, "restartCount");
    const waits = text(status, "state", "waiting", "reason");
    const ended = field(status, "state", "terminated");
    if (waits !== "") found.word = waits;
    else if (isObject(ended)) found.word = endWord(ended);
    else if (flag(status, "ready") && isObject(field(status, "state", "running"))) {
      runs = true;
      found.ready += 1;
    }
  }
  if ((found.word ?? ownWord(pod)) === "Completed" && runs) {
    found.word = text(condition(pod, "Ready"), "status") === "True" ? "Running" : "NotReady";
  }
  return found;
}

function endWord(ended: unknown): string {
  const reason = text(ended, "reason");
  if (reason !== "") return reason;
  const signal = count(ended, "signal");
  return signal > 0 ? `Signal:${signal}` : `ExitCode:${count(ended, "exitCode")}`;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
