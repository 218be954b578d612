// From `docker events` showing a change to an observer having it: containers are started and end, one process reads the engine's event stream, another is
// an observer of the mirror `realm` over WebSocket behind the real gateway and compute. First one at a time, then a hundred at once.
import { fork } from "node:child_process";
import { once } from "node:events";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createContainer, removeContainer, startContainer } from "../../services/common/engine/api/containers.ts";
import { Engine } from "../../services/common/engine/engine.ts";
import { BUSYBOX } from "../images/images.ts";
import { startPlatform } from "../support/platform.ts";
import type { SeenEvent } from "./events/reader.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    changes: { type: "string", default: "100" },
    burst: { type: "string", default: "100" },
  },
});
const CHANGES = Number(options.changes);
const BURST = Number(options.burst);
const ARRIVAL_TIMEOUT_MS = 120_000;
const STATE_AFTER: Record<string, string> = { start: "running", die: "exited" };
const AS_SOON_AS_STARTED = { Image: BUSYBOX, Cmd: ["true"], HostConfig: { NetworkMode: "none" } };

const quantile = (values: number[], q: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))]!;

await using platform = await startPlatform({ images: [BUSYBOX] });
const engine = new Engine({ socketPath: platform.engine.socketPath });
const mirror = platform.mirror("realm");
await mirror.start();

/** By container and state: when the engine's stream told it, and when the observer had it. */
const told = new Map<string, bigint>();
const had = new Map<string, bigint>();

const reader = fork(join(import.meta.dirname, "events", "reader.ts"), [platform.engine.socketPath], {
  execArgv: ["--disable-warning=ExperimentalWarning"],
});
await once(reader, "message");
reader.on("message", ({ name, action, nanos }: SeenEvent) => told.set(`${name} ${STATE_AFTER[action]}`, BigInt(nanos)));

const watched = new Set<string>();
mirror.on("frame", () => {
  const nanos = process.hrtime.bigint();
  for (const name of watched) {
    const item = mirror.replica.get(`docker/${platform.hostName}/Container/${name}`);
    const key = `${name} ${String((item?.d as { state?: string } | undefined)?.state)}`;
    if (item && !had.has(key)) had.set(key, nanos);
  }
});

/** Makes a container that ends at once, starts it, and waits until reader and observer know its end. */
async function life(name: string): Promise<void> {
  watched.add(name);
  const { Id } = await createContainer(engine, name, AS_SOON_AS_STARTED);
  await startContainer(engine, Id);
  const deadline = performance.now() + ARRIVAL_TIMEOUT_MS;
  while (!told.has(`${name} exited`) || !had.has(`${name} exited`)) {
    if (performance.now() > deadline) throw new Error(`the end of ${name} has not arrived in ${ARRIVAL_TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  watched.delete(name);
  await removeContainer(engine, Id);
}

/** Milliseconds from the engine's stream to the observer. A state that passed before the observer was sent a frame has none. */
function latencies(prefix: string): number[] {
  return [...had].flatMap(([key, nanos]) => {
    const at = told.get(key);
    return at === undefined || !key.startsWith(prefix) ? [] : [Number(nanos - at) / 1e6];
  });
}

function summary(prefix: string, changes: number) {
  const values = latencies(prefix);
  const round = (value: number): number => Number(value.toFixed(2));
  return {
    changes,
    seen: values.length,
    p50Ms: round(quantile(values, 0.5)),
    p95Ms: round(quantile(values, 0.95)),
    maxMs: round(Math.max(...values)),
  };
}

try {
  for (let i = -5; i < CHANGES / 2; i += 1) await life(i < 0 ? `warm${-i}` : `one${i}`);
  await Promise.all(Array.from({ length: BURST }, (_, i) => life(`many${i}`)));
  const results = { oneAtATime: summary("one", CHANGES), burst: summary("many", BURST * 2) };
  const load = loadavg()[0]?.toFixed(2);
  if (options.json) console.log(JSON.stringify({ events: results, load }));
  else {
    console.log(`from the engine's event stream to an observer over WebSocket; load ${load}`);
    console.table(results);
  }
} finally {
  reader.disconnect();
  mirror.close();
  engine.close();
}
