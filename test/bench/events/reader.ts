// What `docker events` shows, and when: one message per start and die of a container, with the machine's monotonic clock. A process of its own, so that it
// waits for nobody.
import { Engine } from "../../../services/common/engine/engine.ts";
import { jsonLines } from "../../../services/common/engine/json-lines.ts";
import type { EngineEvent } from "../../../services/common/engine/observer/events.ts";

export interface SeenEvent {
  name: string;
  action: string;
  /** CLOCK_MONOTONIC, the same in all processes of the machine. */
  nanos: string;
}

const stop = new AbortController();
process.once("disconnect", () => stop.abort());
const engine = new Engine({ socketPath: process.argv[2]! });
const stream = await engine.stream("GET", "/events", { signal: stop.signal });
process.send!("reading");
try {
  for await (const event of jsonLines<EngineEvent>(stream)) {
    const nanos = process.hrtime.bigint();
    if (event.Type !== "container" || !["start", "die"].includes(event.Action)) continue;
    const name = event.Actor.Attributes?.["name"] ?? "";
    process.send!({ name, action: event.Action, nanos: String(nanos) } satisfies SeenEvent);
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
}
