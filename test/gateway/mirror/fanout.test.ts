import assert from "node:assert/strict";
import { test } from "node:test";
import { Channel } from "../../../gateway/mirror/channel.ts";
import { Fanout, FLUSH_PAUSE_MS_MAX } from "../../../gateway/mirror/fanout.ts";
import { Change, type Item } from "../../../gateway/mirror/item.ts";
import { Mirror } from "../../../gateway/mirror/mirror.ts";
import { WindowBudget } from "../../../gateway/mirror/window.ts";
import { makeItem, ManualSink } from "./support.ts";

/** One observer; a round of writes takes `roundMs` on a clock of the test's own, as many observers would. */
function scene(roundMs: number) {
  const clock = { nowMs: 1_000 };
  const fanout = new Fanout(() => clock.nowMs);
  const channel = new Channel(new Mirror("m", () => true, new WindowBudget()), fanout, () => []);
  const sink = new ManualSink();
  channel.join(sink);
  sink.read();
  const rounds = { count: 0 };
  sink.write = () => {
    rounds.count++;
    clock.nowMs += roundMs;
  };
  let before: Item | undefined;
  const change = async (n: number): Promise<void> => {
    const after = makeItem("k", { n });
    channel.apply("compute", [new Change("k", before, after)], 0);
    before = after;
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { change, clock, rounds };
}

test("while rounds are long, what comes one by one leaves together, after a pause that is bounded", async () => {
  const { change, rounds } = scene(50);
  await change(0);
  assert.equal(rounds.count, 1);
  const startMs = performance.now();
  for (let i = 1; i <= 10; i++) await change(i);
  // On a machine so busy that ten turns take as long as the pause, there is nothing to see.
  if (performance.now() - startMs < FLUSH_PAUSE_MS_MAX) assert.equal(rounds.count, 1);
  while (rounds.count < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.ok(performance.now() - startMs >= FLUSH_PAUSE_MS_MAX - 1);
});

test("after a quiet time, and while rounds are short, a change leaves in the next turn", async () => {
  const long = scene(50);
  for (let i = 0; i < 3; i++) {
    await long.change(i);
    assert.equal(long.rounds.count, i + 1);
    long.clock.nowMs += FLUSH_PAUSE_MS_MAX;
  }
  const short = scene(0.1);
  for (let i = 0; i < 20; i++) {
    await short.change(i);
    assert.equal(short.rounds.count, i + 1);
  }
});
