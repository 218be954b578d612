// How long until a cluster is there, beside the real kind on the same image and engine, in turns: until all nodes are Ready and a pod answers.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { KubernetesClients } from "../../services/cluster/kubernetes/clients.ts";
import { pino } from "pino";
import { addAndRemove, fork, restart } from "./cluster/change.ts";
import { Kind } from "./cluster/kind.ts";
import { readyAndServing } from "./cluster/ready.ts";
import { type Figure, type Part, table } from "./cluster/table.ts";
import { NODE } from "../images/images.ts";
import { TestClusters } from "../services/cluster/support/clusters.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "480" },
    part: { type: "string" },
    only: { type: "string", default: "kind,gantry" },
  },
});
const rounds = Number(options.rounds);
const only = options.only.split(",");

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] as number;
const round = (value: number): number => Number(value.toFixed(2));
let lastId = 0;

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (performance.now() - startMs) / 1000;
}

await using clusters = await TestClusters.start();
const { engine } = clusters;
const kind = await Kind.open(engine, clusters.platform.dataDir);
const clients = new KubernetesClients({ engine, log: pino({ level: "silent" }) });

interface Subject {
  create(name: string, workers: number): Promise<void>;
  delete(name: string): Promise<void>;
}

const subjects: Record<string, Subject> = {
  kind: {
    async create(name, workers) {
      const target = await kind.create(name, NODE, workers);
      await readyAndServing(engine, clients.for(target), `${name}-control-plane`, 1 + workers);
    },
    delete: (name) => kind.delete(name),
  },
  gantry: {
    async create(name, workers) {
      await clusters.created(name, { workers });
      await readyAndServing(engine, await clusters.api(name), `${name}-control-plane`, 1 + workers);
    },
    delete: (name) => clusters.delete(name),
  },
};

/** Takes turns until all rounds are done, or another like the longest so far would not end in time. Resolves to how many were. */
async function inRounds(turn: (index: number) => Promise<void>): Promise<number> {
  const limitMs = Number(options.seconds) * 1_000;
  const startMs = performance.now();
  let longestMs = 0;
  for (let index = 0; index < rounds; index += 1) {
    const beginMs = performance.now();
    if (index > 0 && beginMs - startMs + longestMs > limitMs) return index;
    await turn(index);
    longestMs = Math.max(longestMs, performance.now() - beginMs);
  }
  return rounds;
}

/** Times of what was done in each round, by name. */
class Times {
  readonly #all = new Map<string, number[]>();

  readonly measure = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    const time = await seconds(work);
    this.#all.set(what, [...(this.#all.get(what) ?? []), time]);
    process.stderr.write(`${what}: ${time.toFixed(2)} s\n`);
  };

  result(): Part {
    const times = [...this.#all].map(([what, values]): [string, Figure] => [
      what,
      { median: round(median(values)), all: values.map(round) },
    ]);
    return Object.fromEntries(times);
  }
}

/** `count` clusters at once, of each subject in turns; who begins alternates. */
async function sideBySide(workers: number, count: number): Promise<Part> {
  const times = new Times();
  await inRounds(async (turn) => {
    for (const subject of turn % 2 === 0 ? only : only.toReversed()) {
      const names = Array.from({ length: count }, () => `b${++lastId}`);
      const { create, delete: remove } = subjects[subject]!;
      await times.measure(subject, () => Promise.all(names.map((name) => create(name, workers))));
      await times.measure(`${subject} delete`, () => Promise.all(names.map((name) => remove(name))));
    }
  });
  return times.result();
}

/** What is done to a cluster that is there. */
async function change(
  workers: number,
  work: (name: string, measure: Times["measure"]) => Promise<void>,
): Promise<Part> {
  const times = new Times();
  const name = `b${++lastId}`;
  await clusters.created(name, { workers });
  await inRounds(() => work(name, times.measure));
  await clusters.delete(name);
  return times.result();
}

const all: Record<string, () => Promise<Part>> = {
  single: () => sideBySide(0, 1),
  three: () => sideBySide(2, 1),
  "two-at-once": () => sideBySide(2, 2),
  restart: () => change(2, (name, measure) => restart(clusters, name, measure)),
  "restart-single": () => change(0, (name, measure) => restart(clusters, name, measure)),
  add: () => change(0, (name, measure) => addAndRemove(clusters, name, measure)),
  fork: () => change(2, (name, measure) => fork(clusters, name, `b${++lastId}`, measure)),
};
const result: Record<string, Part> = {};
for (const part of options.part?.split(",") ?? Object.keys(all)) {
  const measurePart = all[part];
  if (!measurePart) throw new Error(`there is no part ${part}; parts are ${Object.keys(all).join(", ")}`);
  result[part] = await measurePart();
}
if (!options.json) process.stdout.write(table(result));
console.log(JSON.stringify({ cluster: result, load: loadavg()[0]?.toFixed(2) }));
clients.close();
