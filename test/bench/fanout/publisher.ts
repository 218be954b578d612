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
export type ServerCommand = Publish | Start;

/** Above this many unsent bytes of some observer that reads, the publisher waits: it saturates, it does not overrun. */
export const BACKLOG_BYTES = 64 * 1024;

export interface Target {
  /** Publishes that many messages in this turn. */
  publish(count: number): void;
  /** True when every observer that reads has little unsent. */
  ready(): boolean;
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

export function nowStamp(): string {
  return `@t=${(Number(process.hrtime.bigint()) / 1e6).toFixed(3)}@`;
}

export function serve(start: () => Promise<{ port: number; token: string } & Target>): void {
  let target: Awaited<ReturnType<typeof start>>;
  process.on("message", (message: ServerCommand) => {
    const work = async (): Promise<object> => {
      if (message.do === "publish") return { messages: await publishFor(target, message) };
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
