// What `docker events` shows, and when: one message per start and end of a container, with the machine's monotonic clock. A process of its own, so that it
// waits for nobody.
import { once } from "node:events";
import { Engine } from "../../../services/common/engine/engine.ts";
import { jsonLines } from "../../../services/common/engine/json-lines.ts";
import type { EngineEvent } from "../../../services/common/engine/observer/events.ts";
import { STATE_AFTER, type SeenState } from "./seen.ts";

const stop = new AbortController();
process.once("disconnect", () => stop.abort());
const [{ socketPath }] = (await once(process, "message")) as [{ socketPath: string }];
const engine = new Engine({ socketPath });
const stream = await engine.stream("GET", "/events", { signal: stop.signal });
process.send!("reading");
try {
  for await (const event of jsonLines<EngineEvent>(stream)) {
    const nanos = process.hrtime.bigint();
    const state = event.Type === "container" ? STATE_AFTER[event.Action] : undefined;
    if (state === undefined) continue;
    process.send!({ name: event.Actor.Attributes?.["name"] ?? "", state, nanos: String(nanos) } satisfies SeenState);
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
}
