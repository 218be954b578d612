import type { Engine } from "../../../services/common/engine/engine.ts";

/** Resolves as soon as the engine tells of a container that it has paused, from now on. */
export async function firstPause(engine: Engine): Promise<void> {
  const filters = { type: ["container"], event: ["pause"] };
  const events = await engine.stream("GET", "/events", { query: { filters } });
  for await (const _ of events) return;
  throw new Error("the engine tells of no more events");
}
