// From `docker events` showing a change to an observer having it: containers are started and end, one process reads the engine's event stream, another is
// an observer of the mirror `realm` over WebSocket behind the real gateway and compute. First one at a time, then a hundred at once, several times.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createContainer, removeContainer, startContainer } from "../../services/common/engine/api/containers.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { BUSYBOX } from "../images/images.ts";
import { setNiceness } from "../../deploy/local/process/priority.ts";
import { CONTROL_PLANE_NICE, gatewayUrl } from "../../deploy/local/services.ts";
import { startPlatform } from "../support/platform.ts";
import type { ObserverStart } from "./events/observer.ts";
import type { SeenState } from "./events/seen.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    changes: { type: "string", default: "100" },
    burst: { type: "string", default: "100" },
    bursts: { type: "string", default: "4" },
  },
});
const CHANGES = Number(options.changes);
const BURST = Number(options.burst);
const BURSTS = Number(options.bursts);
const ARRIVAL_TIMEOUT_MS = 120_000;
const AS_SOON_AS_STARTED = { Image: BUSYBOX, Cmd: ["true"], HostConfig: { NetworkMode: "none" } };

const quantile = (values: number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!;

await using platform = await startPlatform({ images: [BUSYBOX] });
const engine = new Engine({ socketPath: platform.engine.socketPath });
/** By container and state: when the engine's stream told it, when another stream of the engine did, and when the observer had it. */
const told = new Map<string, bigint>();
const toldAgain = new Map<string, bigint>();
const had = new Map<string, bigint>();

/**
 * A process that tells what it sees, ready when this resolves. It is as nice as Gantry's own processes: on the machines that observers and people with
 * `docker events` have it would not wait for a hundred containers to start.
 */
async function start(file: string, first: object): Promise<ChildProcess> {
  const path = join(import.meta.dirname, "events", file);
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", path], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // Niceness is told per session. It ends with its channel to this process.
    detached: true,
  });
  setNiceness(child.pid!, CONTROL_PLANE_NICE);
  child.once("exit", (code) => {
    if (code !== 0) throw new Error(`${file} ended with ${code}`);
  });
  child.send(first);
  await once(child, "message");
  return child;
}

function note(times: Map<string, bigint>): (seen: SeenState) => void {
  return ({ name, state, nanos }) => {
    const key = `${name} ${state}`;
    if (!times.has(key)) times.set(key, BigInt(nanos));
  };
}

const { socketPath } = platform.engine;
const reader = await start("reader.ts", { socketPath });
const secondReader = await start("reader.ts", { socketPath });
const observer = await start("observer.ts", {
  url: gatewayUrl(platform.addresses.http).replace(/^http/, "ws"),
  token: platform.adminToken,
  ca: platform.ca.toString(),
  prefix: `docker/${platform.hostName}/Container/`,
} satisfies ObserverStart);
reader.on("message", note(told));
secondReader.on("message", note(toldAgain));
observer.on("message", note(had));

/** Makes a container that ends at once, starts it, and waits until reader and observer know its end. */
async function life(name: string): Promise<void> {
  const { Id } = await createContainer(engine, name, AS_SOON_AS_STARTED);
  await startContainer(engine, Id);
  const deadline = performance.now() + ARRIVAL_TIMEOUT_MS;
  const end = `${name} exited`;
  while (![told, toldAgain, had].every((times) => times.has(end))) {
    if (performance.now() > deadline) throw new Error(`the end of ${name} has not arrived in ${ARRIVAL_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await removeContainer(engine, Id);
}

/** Milliseconds from the engine's stream to the observer. A state that passed before the observer was sent a frame has none. */
function latencies(times: ReadonlyMap<string, bigint>, prefix: string): number[] {
  return [...times].flatMap(([key, nanos]) => {
    const at = told.get(key);
    return at === undefined || !key.startsWith(prefix) ? [] : [Number(nanos - at) / 1e6];
  });
}

function summary(times: ReadonlyMap<string, bigint>, prefix: string, changes: number) {
  const values = latencies(times, prefix);
  const round = (value: number): number => Number(value.toFixed(2));
  return {
    changes,
    seen: values.length,
    p50Ms: round(quantile(values, 0.5)),
    p95Ms: round(quantile(values, 0.95)),
    p99Ms: round(quantile(values, 0.99)),
    maxMs: round(Math.max(...values)),
  };
}

try {
  for (let i = -5; i < CHANGES / 2; i += 1) await life(i < 0 ? `warm${-i}` : `one${i}`);
  for (let n = 0; n < BURSTS; n++) await Promise.all(Array.from({ length: BURST }, (_, i) => life(`many${n}-${i}`)));
  const inBursts = BURSTS * BURST * 2;
  const results = {
    oneAtATime: summary(had, "one", CHANGES),
    burst: summary(had, "many", inBursts),
    "oneAtATime, engine": summary(toldAgain, "one", CHANGES),
    "burst, engine": summary(toldAgain, "many", inBursts),
  };
  const load = loadavg()[0]?.toFixed(2);
  if (options.json) console.log(JSON.stringify({ events: results, load }));
  else {
    console.log(`from the engine's event stream to an observer over WebSocket; load ${load}`);
    console.table(results);
  }
} finally {
  reader.disconnect();
  secondReader.disconnect();
  observer.disconnect();
  engine.close();
}
