// What both servers of the comparison have in common: when to publish how much.

export interface Publish {
  do: "publish";
  /** Messages of one turn of the event loop, as one Watch batch. */
  batch: number;
  /** Batches per second; 0: as many as are taken. */
  batchesPerSecond: number;
  ms: number;
}
export interface Start {
  do: "start";
}
/** Asks how many observers are not live. */
export interface Behind {
  do: "behind";
}
/** Publishes to FILLER_MIRROR until its observers, who have stopped reading, are lagging. */
export interface Fill {
  do: "fill";
}
export type ServerCommand = Publish | Start | Behind | Fill;

/** A mirror that only those observe who will stop reading: it fills their sockets, and nobody else's. */
export const FILLER_MIRROR = "projects/filler";
const FILL_TIMEOUT_MS = 20_000;
/** They are full when nothing has changed at so many looks, together longer than TCP waits before it tries again. */
const FILLED_CHECKS = 10;
const FILLED_INTERVAL_MS = 50;

/** Above this many unsent bytes of some observer that reads, the publisher waits: it saturates, it does not overrun. */
export const BACKLOG_BYTES = 64 * 1024;

export interface Target {
  /** Publishes that many messages in this turn. */
  publish(count: number): void;
  /** True when every observer that reads has little unsent. */
  ready(): boolean;
  /** Observers that are not live. */
  behind(): number;
  /** True when all observers of FILLER_MIRROR are lagging; otherwise publishes some to it. */
  fill?(): boolean;
}

/** Publishes for a time; resolves to how many messages. */
export async function publishFor(target: Target, command: Publish): Promise<number> {
  const { batch, batchesPerSecond, ms } = command;
  const endMs = performance.now() + ms;
  let messages = 0;
  let dueMs = performance.now();
  while (performance.now() < endMs) {
    if (batchesPerSecond > 0) {
      dueMs += 1_000 / batchesPerSecond;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
    } else if (!target.ready()) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      continue;
    } else await new Promise((resolve) => setImmediate(resolve));
    target.publish(batch);
    messages += batch;
  }
  return messages;
}

async function fill(target: Target): Promise<void> {
  const endMs = performance.now() + FILL_TIMEOUT_MS;
  // The kernel's buffers grow while they fill: who was behind is not any more, until they have all they may have.
  for (let stable = 0; stable < FILLED_CHECKS;) {
    if (performance.now() > endMs) throw new Error("those that do not read do not lag");
    if (target.fill?.() === false) {
      stable = 0;
      await new Promise((resolve) => setImmediate(resolve));
    } else {
      stable++;
      await new Promise((resolve) => setTimeout(resolve, FILLED_INTERVAL_MS));
    }
  }
}

export function nowStamp(): string {
  return `@t=${(Number(process.hrtime.bigint()) / 1e6).toFixed(3)}@`;
}

export function serve(start: () => Promise<{ port: number; token: string } & Target>): void {
  let target: Awaited<ReturnType<typeof start>>;
  process.on("message", (message: ServerCommand) => {
    const work = async (): Promise<object> => {
      if (message.do === "publish") return { messages: await publishFor(target, message) };
      if (message.do === "behind") return { behind: target.behind() };
      if (message.do === "fill") {
        await fill(target);
        return {};
      }
      target = await start();
      return { port: target.port, token: target.token, pid: process.pid };
    };
    work().then(
      (result) => process.send!(result),
      (error: Error) => process.send!({ error: error.stack }),
    );
  });
  process.on("disconnect", () => process.exit());
}
