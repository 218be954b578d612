// A client written from gateway/README.md alone, sharing no code with the gateway: what it needs to know is all there, or this fails.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Instance } from "../../proto/gen/gantry/compute/v1/instance.ts";
import { Project } from "../../proto/gen/gantry/compute/v1/project.ts";
import { instanceKind, projectKind } from "../../services/compute/kinds.ts";
import { startRealm, type GatewayProcess, type TestRealm } from "./realm.ts";

const MIRROR = "projects/default";
const CHANGES = 1_000;
const WAIT_MS = 30_000;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
interface Frame {
  t: string;
  id?: number;
  m?: string;
  e: string;
  s: number;
  digest: string;
  part: number;
  parts: number;
  items: { k: string; v: string; d: Json }[];
  ops: { op: string; k: string; v: string; d: Json; p: Json }[];
}

/** MurmurHash3_x86_32, from its published description. */
function murmur(text: string, seed: number): number {
  const bytes = new TextEncoder().encode(text);
  const view = new DataView(bytes.buffer);
  const mix = (k: number): number => {
    k = Math.imul(k, 0xcc9e2d51);
    return Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  };
  let h = seed;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    h ^= mix(view.getUint32(i, true));
    h = Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let j = bytes.length - 1; j >= i; j--) tail = (tail << 8) | bytes[j]!;
  if (i < bytes.length) h ^= mix(tail);
  h ^= bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** RFC 7396, as its pseudo code has it. */
function mergePatch(target: Json | undefined, patch: Json): Json {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const base = target && typeof target === "object" && !Array.isArray(target) ? target : {};
  const result = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, mergePatch(result.get(key), value));
  }
  return Object.fromEntries(result);
}

class Client {
  readonly held = new Map<string, { v: string; d: Json }>();
  readonly seen: Record<string, number> = {};
  readonly url: string;
  readonly token: () => Promise<string>;
  e = "";
  s = 0;
  whole = false;
  resumable = false;
  ws!: WebSocket;
  #failure: Error | undefined;
  #wake = (): void => undefined;

  constructor(url: string, token: () => Promise<string>) {
    this.url = url;
    this.token = token;
  }

  async connect(): Promise<void> {
    const token = await this.token();
    this.whole = false;
    const ws = new WebSocket(`${this.url}/v1/mirror`, "mirror.v1.json");
    this.ws = ws;
    ws.on("open", () => {
      ws.send(JSON.stringify({ t: "hello", id: 1, token }));
      const position = this.resumable ? { e: this.e, s: this.s } : {};
      ws.send(JSON.stringify({ t: "subscribe", id: 2, m: MIRROR, ...position }));
    });
    ws.on("error", (error) => (this.#failure = error));
    ws.on("message", (data: Buffer) => {
      if (this.ws !== ws) return;
      try {
        this.take(JSON.parse(data.toString()) as Frame);
      } catch (error) {
        this.#failure = error as Error;
      }
      this.#wake();
    });
  }

  get digest(): string {
    const sums = [0, 0x9747b28c].map((seed) => {
      let sum = 0;
      for (const [k, { v }] of this.held) sum = (sum + murmur(`${k}\n${v}`, seed)) >>> 0;
      return sum.toString(16).padStart(8, "0");
    });
    return sums.join("");
  }

  take(frame: Frame): void {
    this.seen[frame.t] = (this.seen[frame.t] ?? 0) + 1;
    assert.notEqual(frame.t, "error", JSON.stringify(frame));
    if (frame.m !== MIRROR || frame.t === "reply") return;
    if (frame.t === "snapshot") {
      if (frame.part === 0) this.held.clear();
      this.whole = false;
      for (const { k, v, d } of frame.items) this.held.set(k, { v, d });
      this.resumable = frame.part === frame.parts - 1;
    } else {
      assert.equal(frame.e, this.e, `${frame.t} of another epoch`);
      if (frame.t === "resumed") {
        assert.equal(frame.s, this.s, "resumed where it stood");
        this.whole = false;
      } else if (frame.t === "delta") {
        if (this.whole) assert.equal(frame.s, this.s + 1, "no gap");
        else assert.ok(frame.s > this.s, "forwards");
        for (const { op, k, v, d, p } of frame.ops) {
          if (op === "del") this.held.delete(k);
          else this.held.set(k, { v, d: op === "put" ? d : mergePatch(this.held.get(k)!.d, p) });
        }
      } else if (frame.t === "synced" || frame.t === "bookmark") {
        assert.equal(this.digest, frame.digest, frame.t);
        if (frame.t === "synced") this.whole = true;
      }
    }
    this.e = frame.e;
    this.s = frame.s;
  }

  async until(check: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS;
    while (this.#failure || !check()) {
      if (this.#failure) throw this.#failure;
      const leftMs = deadlineMs - performance.now();
      assert.ok(leftMs > 0, `not so in time: ${check.toString()}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
  }
}

let realm: TestRealm;
let gateway: GatewayProcess;
before(async () => {
  realm = await startRealm();
  await realm.store.transact(async (tx) => tx.create(projectKind, Project.fromPartial({ meta: { name: MIRROR } })));
  gateway = await realm.startGateway();
});
after(() => realm.stop());

const living = new Map<string, string>();

/** Something random to a random instance: made, changed a little, changed a lot, deleted. */
async function change(i: number, padding = ""): Promise<void> {
  const name = `${MIRROR}/instances/i${Math.floor(Math.random() * 60)}`;
  const labels = { round: `r${i}`, ...(Math.random() < 0.5 ? { "ex.org/extra": "ü".repeat(Math.random() * 20) } : {}) };
  const command = Array.from({ length: Math.random() * 4 }, (_, n) => `${n}${padding}`);
  const hostname = `n${i}`;
  await realm.store.transact(async (tx) => {
    const found = await tx.get(instanceKind, name);
    if (!found) tx.create(instanceKind, Instance.fromPartial({ meta: { name, labels }, spec: { hostname, command } }));
    else if (Math.random() < 0.3) tx.delete(instanceKind, name);
    else if (Math.random() < 0.5) tx.put(instanceKind, { ...found, spec: { ...found.spec!, hostname } });
    else
      tx.put(instanceKind, { ...found, meta: { ...found.meta!, labels }, spec: { ...found.spec!, hostname, command } });
    living.delete(name);
  });
  const now = await realm.store.get(instanceKind, name);
  if (now) living.set(name, now.spec!.hostname);
}

/** The last write of all, which the client must come to see; then it must hold just what the store does. */
async function settled(client: Client): Promise<void> {
  const name = `${MIRROR}/instances/last`;
  const hostname = `n${performance.now()}`;
  await realm.store.transact(async (tx) => {
    const found = await tx.get(instanceKind, name);
    if (found) tx.put(instanceKind, { ...found, spec: { ...found.spec!, hostname } });
    else tx.create(instanceKind, Instance.fromPartial({ meta: { name }, spec: { hostname } }));
  });
  living.set(name, hostname);
  const spec = (d: Json): { [key: string]: Json } => (d as { spec: { [key: string]: Json } }).spec;
  await client.until(() => client.whole && spec(client.held.get(name)?.d ?? { spec: {} })["hostname"] === hostname);
  const held = [...client.held].filter(([key]) => key.includes("/instances/"));
  assert.deepEqual(new Map(held.map(([key, { d }]) => [key, spec(d)["hostname"]])), living);
}

test("a client written from the document alone keeps up, resumes and lags", async () => {
  const client = new Client(`ws://${gateway.ready.http}`, () => realm.token());
  await client.connect();
  await client.until(() => client.whole);
  for (let i = 0; i < CHANGES; i++) await change(i);
  await settled(client);
  assert.ok(client.seen["delta"]! >= CHANGES, "each write by itself");

  client.ws.terminate();
  for (let i = 0; i < 100; i++) await change(i);
  await client.connect();
  await settled(client);
  assert.equal(client.seen["resumed"], 1);
  assert.equal(client.seen["snapshot"], 1, "the difference only");

  client.ws.pause();
  for (let i = 0; i < 400; i++) await change(i, "x".repeat(30_000));
  client.ws.resume();
  await settled(client);
  assert.ok(client.seen["resumed"]! + client.seen["snapshot"]! > 2, "it was lagging");
  const synced = client.seen["bookmark"] ?? 0;
  await client.until(() => (client.seen["bookmark"] ?? 0) > synced);
  client.ws.close(1000);
});
