// How long until a cluster is there, beside the real kind on the same image and engine, in turns: until all nodes are Ready and a pod answers.
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { KubernetesClients } from "../../services/cluster/kubernetes/clients.ts";
import { pino } from "pino";
import { addAndRemove, fork } from "./cluster/change.ts";
import { Kind } from "./cluster/kind.ts";
import { readyAndServing } from "./cluster/ready.ts";
import { NODE } from "../images/images.ts";
import { TestClusters } from "../services/cluster/support/clusters.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "5" },
    part: { type: "string", default: "single,three,two-at-once,restart,add,fork" },
    only: { type: "string", default: "kind,gantry" },
  },
});
const rounds = Number(options.rounds);
const parts = options.part.split(",");
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

interface Times {
  create: number[];
  delete: number[];
}

/** `count` clusters at once, of each subject in turns; who begins alternates. */
async function sideBySide(workers: number, count: number): Promise<Record<string, { create: number; delete: number }>> {
  const times = new Map<string, Times>(only.map((name) => [name, { create: [], delete: [] }]));
  for (let turn = 0; turn < rounds; turn += 1) {
    for (const subject of turn % 2 === 0 ? only : only.toReversed()) {
      const names = Array.from({ length: count }, () => `b${++lastId}`);
      const { create, delete: remove } = subjects[subject]!;
      const mine = times.get(subject)!;
      mine.create.push(await seconds(() => Promise.all(names.map((name) => create(name, workers)))));
      mine.delete.push(await seconds(() => Promise.all(names.map((name) => remove(name)))));
      process.stderr.write(`${subject} ${count} x ${1 + workers}: ${mine.create.at(-1)!.toFixed(2)} s\n`);
    }
  }
  return Object.fromEntries(
    [...times].map(([name, { create, delete: remove }]) => [
      name,
      { create: round(median(create)), delete: round(median(remove)), all: create.map(round) },
    ]),
  );
}

async function restart(): Promise<Record<string, number>> {
  const stops: number[] = [];
  const starts: number[] = [];
  const name = `b${++lastId}`;
  await subjects["gantry"]!.create(name, 2);
  for (let turn = 0; turn < rounds; turn += 1) {
    stops.push(await seconds(() => clusters.verb("stop", name)));
    starts.push(await seconds(() => clusters.verb("start", name)));
  }
  await clusters.delete(name);
  return { stop: round(median(stops)), start: round(median(starts)) };
}

/** Medians of what is done to a cluster that is there, by name. */
async function change(
  workers: number,
  work: (name: string, measure: (what: string, step: () => Promise<unknown>) => Promise<void>) => Promise<void>,
): Promise<Record<string, number>> {
  const times = new Map<string, number[]>();
  const name = `b${++lastId}`;
  await clusters.created(name, { workers });
  for (let turn = 0; turn < rounds; turn += 1) {
    await work(name, async (what, step) => {
      times.set(what, [...(times.get(what) ?? []), await seconds(step)]);
    });
  }
  await clusters.delete(name);
  return Object.fromEntries([...times].map(([what, values]) => [what, round(median(values))]));
}

const result: Record<string, unknown> = {};
if (parts.includes("single")) result["single"] = await sideBySide(0, 1);
if (parts.includes("three")) result["three"] = await sideBySide(2, 1);
if (parts.includes("two-at-once")) result["twoAtOnce"] = await sideBySide(2, 2);
if (parts.includes("restart")) result["restart"] = await restart();
if (parts.includes("add")) result["add"] = await change(0, (name, measure) => addAndRemove(clusters, name, measure));
if (parts.includes("fork")) {
  result["fork"] = await change(2, (name, measure) => fork(clusters, name, `b${++lastId}`, measure));
}
const load = loadavg()[0]?.toFixed(2);
console.log(
  options.json ? JSON.stringify({ cluster: result, load }) : JSON.stringify({ ...result, load }, undefined, 2),
);
clients.close();
