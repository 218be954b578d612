import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Channel } from "../../../gateway/mirror/channel.ts";
import { Fanout } from "../../../gateway/mirror/fanout.ts";
import { Change, type Item } from "../../../gateway/mirror/item.ts";
import { Mirror } from "../../../gateway/mirror/mirror.ts";
import { LAGGING_BYTES, type Observer } from "../../../gateway/mirror/observer.ts";
import { Replica } from "../../../gateway/mirror/replica.ts";
import { WindowBudget } from "../../../gateway/mirror/window.ts";
import { makeItem, ManualSink } from "./support.ts";

const KEYS = Array.from({ length: 24 }, (_, i) => `projects/default/instances/i${i}`);

type Step =
  | { do: "write"; keys: number[]; size: number }
  | { do: "burst"; writes: number }
  | { do: "turn" }
  | { do: "join"; observer: number }
  | { do: "drop"; observer: number }
  | { do: "read"; observer: number; count: number }
  | { do: "reselect"; modulus: number }
  | { do: "bookmark" }
  | { do: "forget"; count: number };

const observer = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      keys: fc.array(fc.nat(23), { minLength: 1, maxLength: 4 }),
      size: fc.nat(3_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("burst" as const), writes: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("turn" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("join" as const), observer }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop" as const), observer }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("read" as const), observer, count: fc.integer({ min: 1, max: 8 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("reselect" as const), modulus: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("bookmark" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), count: fc.integer({ min: 1, max: 6 }) }) },
);

/** One that observes, loses its connection and comes back with what it held. */
class Client {
  readonly replica = new Replica();
  sink: ManualSink | undefined;
  observer: Observer | undefined;

  join(channel: Channel): void {
    if (this.sink) return;
    this.sink = new ManualSink();
    const at = this.replica.position;
    if (!at) this.replica.reset();
    this.observer = channel.join(this.sink, at && { epoch: at.e, s: at.s });
  }

  /** What was under way is lost. */
  drop(channel: Channel): void {
    if (!this.observer) return;
    channel.leave(this.observer);
    this.sink!.open = false;
    this.sink = undefined;
    this.observer = undefined;
    this.replica.synced = false;
  }

  read(channel: Channel, count?: number): void {
    for (const frame of this.sink?.read(count) ?? []) this.replica.apply(frame);
    // A socket tells that it has drained when nothing is left.
    if (this.sink?.unsentBytes === 0) channel.pump(this.observer!);
  }
}

class Scene {
  readonly budget = new WindowBudget();
  readonly items = new Map<string, Item>();
  #matches: (item: Item) => boolean = () => true;
  readonly mirror = new Mirror("projects/default", (item) => this.#matches(item), this.budget);
  readonly fanout = new Fanout();
  readonly channel = new Channel(this.mirror, this.fanout, () => [
    { name: "compute", state: "live", asOf: new Date(0), message: "" },
  ]);
  readonly clients = Array.from({ length: 4 }, () => new Client());
  #writes = 0;

  write(keys: number[], size: number): void {
    const even = keys.filter((index) => index % 2 === 0);
    const odd = keys.filter((index) => index % 2 === 1);
    if (even.length > 0) this.#writeTo("compute", even, size);
    if (odd.length > 0) this.#writeTo("docker/h1", odd, size);
  }

  #writeTo(origin: string, keys: number[], size: number): void {
    const changes: Change[] = [];
    for (const index of new Set(keys)) {
      const key = KEYS[index]!;
      const before = this.items.get(key);
      const n = this.#writes++;
      const data = { n, spec: { fixed: "x".repeat(size) }, list: [n % 2 === 0 ? null : n] };
      const after = before && n % 3 === 0 ? undefined : makeItem(key, data, { origin });
      if (after) this.items.set(key, after);
      else this.items.delete(key);
      changes.push(new Change(key, before, after));
    }
    const before = this.mirror.s;
    this.channel.apply(origin, changes, this.#writes);
    assert.ok(this.mirror.s <= before + 1, "one change is at most one step");
  }

  run(step: Step): void {
    switch (step.do) {
      case "write":
        return this.write(step.keys, step.size);
      case "burst":
        for (let i = 0; i < step.writes; i++) this.write([i % 24], 16_000);
        return undefined;
      case "turn":
        return this.fanout.flush();
      case "join":
        return this.clients[step.observer]!.join(this.channel);
      case "drop":
        return this.clients[step.observer]!.drop(this.channel);
      case "read":
        return this.clients[step.observer]!.read(this.channel, step.count);
      case "reselect":
        this.#matches = (item) => Number(/\d+$/.exec(item.key)![0]) % step.modulus === 0;
        return this.channel.reselect(this.#matches, this.items.values(), this.#writes);
      case "bookmark":
        return this.channel.bookmark();
      case "forget":
        for (let i = 0; i < step.count; i++) this.mirror.forgetOldest();
    }
  }

  /** Everyone reads all there is: then everyone has the truth. */
  settle(): void {
    this.fanout.flush();
    const truth = [...this.items.values()].filter((item) => this.#matches(item));
    const { items, tombstones } = this.mirror.save();
    const keys = [...items, ...tombstones].map((entry) => entry[0]);
    assert.equal(new Set(keys).size, keys.length, "a key is there once, living or dead");
    const expected = Object.fromEntries(
      truth.map((item) => [item.key, [item.version, JSON.parse(item.text) as object]]),
    );
    for (const client of this.clients) {
      client.join(this.channel);
      for (let i = 0; i < 1_000 && !(client.replica.synced && client.sink!.unsentBytes === 0); i++)
        client.read(this.channel);
      assert.equal(client.observer!.mode, "live");
      assert.equal(client.replica.s, this.mirror.s);
      assert.equal(client.replica.digest, this.mirror.digest);
      const held = Object.fromEntries([...client.replica.items()].map((item) => [item.k, [item.v, item.d]]));
      assert.deepEqual(held, expected);
      assert.ok(
        client.sink!.peakUnsentBytes < LAGGING_BYTES + 512 * 1024,
        `${client.sink!.peakUnsentBytes} bytes were queued`,
      );
    }
  }
}

test("whoever joins, lags, leaves and resumes: everyone ends with the truth, and no step is missed", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const scene = new Scene();
      for (const each of steps) scene.run(each);
      scene.settle();
      // The replicas checked every digest and number on the way; after more writes they still follow.
      for (let i = 0; i < 5; i++) scene.write([i], 100);
      scene.settle();
      scene.fanout.flush();
      scene.mirror.destroy();
      assert.equal(scene.budget.usedBytes, 0, "the window's account is balanced");
    }),
    { numRuns: 400 },
  );
});
