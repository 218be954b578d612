/** What an API server said: it serves; it runs, but is not ready to; nothing. */
export type Answer = "ready" | "alive" | "none";

export interface Health {
  state: Answer;
  /** Looks in a row that found it worse than `state`. */
  misses: number;
  /** Looks in a row that were not answered at all. */
  silent: number;
}

/** One look may have met a busy moment. */
const MISSES_MAX = 2;
/** A host that is out of breath makes servers late, too: what is under way with them is ended only when nothing comes any more. */
const SILENT_MAX = 5;

const RANK: Record<Answer, number> = { none: 0, alive: 1, ready: 2 };

/** A server is better at once, and worse when two looks in a row have said so. Undefined: it was never looked at. */
export function nextHealth(health: Health | undefined, answer: Answer): Health {
  const silent = answer === "none" ? (health?.silent ?? 0) + 1 : 0;
  if (!health || RANK[answer] >= RANK[health.state]) return { state: answer, misses: 0, silent };
  const misses = health.misses + 1;
  return misses >= MISSES_MAX ? { state: answer, misses: 0, silent } : { state: health.state, misses, silent };
}

export interface Choice {
  servers: string[];
  dead: string[];
}

/** Those that are ready; where none is, those that answer; where none does, all: a guess of ours must not make it worse. */
export function chooseServers(servers: readonly string[], health: ReadonlyMap<string, Health>): Choice {
  const stateOf = (server: string): Answer => health.get(server)?.state ?? "none";
  for (const state of ["ready", "alive"] as const) {
    const chosen = servers.filter((server) => stateOf(server) === state);
    if (chosen.length > 0) return { servers: chosen, dead: servers.filter((server) => isDead(health.get(server))) };
  }
  return { servers: [...servers], dead: [] };
}

function isDead(health: Health | undefined): boolean {
  return health !== undefined && health.state === "none" && health.silent >= SILENT_MAX;
}
