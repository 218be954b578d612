import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { batch, instanceEvent, projectEvent, startTestGateway, type TestGateway } from "../support.ts";
import { CLOSE_CODES } from "../../../gateway/ws/close-codes.ts";
import { RawSocket } from "./raw-socket.ts";

const KNOWN_CODES = new Set<number>(Object.values(CLOSE_CODES).map((each) => each.code));
let gateway: TestGateway;

before(async () => {
  gateway = await startTestGateway({ limits: { framesPerSecond: 1e6, framesBurst: 1e6 } });
  gateway.tracker.connected();
  gateway.tracker.batch(batch([projectEvent("default", 1), instanceEvent("web", 3)]));
  gateway.tracker.batch(batch([], { revision: 3n, synced: true }));
});
after(() => gateway.stop());

const field = fc.oneof(
  fc.constantFrom<unknown>(
    "projects/default",
    "realm",
    "projects/default/mirrors/x",
    "",
    null,
    -1,
    0,
    1,
    2 ** 60,
    true,
    [],
    {},
    "é\u0000",
  ),
  fc.jsonValue({ maxDepth: 3 }),
);
const frame = fc.record(
  {
    t: fc.oneof(
      {
        weight: 9,
        arbitrary: fc.constantFrom(
          "hello",
          "subscribe",
          "unsubscribe",
          "who",
          "refresh",
          "call",
          "open",
          "data",
          "close",
        ),
      },
      { weight: 1, arbitrary: field },
    ),
    id: field,
    m: field,
    e: field,
    s: field,
    token: field,
    ticket: field,
    method: field,
    body: field,
    deadline_ms: field,
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  { weight: 8, arbitrary: frame.map((each) => Buffer.from(JSON.stringify(each))) },
  { weight: 1, arbitrary: fc.string().map((each) => Buffer.from(each)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((each) => Buffer.from(each)) },
);

test("whatever a client sends, it is answered or sent away with a known code, and the gateway goes on", async () => {
  const token = await gateway.token();
  await fc.assert(
    fc.asyncProperty(fc.array(text, { maxLength: 20 }), fc.boolean(), async (frames, greets) => {
      const socket = await RawSocket.open(gateway.http.address);
      if (greets) await socket.hello(token);
      for (const each of frames) socket.frame(0x81, each);
      // The last is one that is always answered, unless the socket was closed for what came before.
      socket.json(greets ? { t: "who", id: "the end", m: "nowhere" } : { t: "hello", id: "the end", token });
      const end = await socket.next((each) => each["id"] === "the end").catch(() => undefined);
      if (!end) assert.ok(KNOWN_CODES.has((await socket.closed())!), `code ${socket.closeCode}`);
      socket.destroy();
    }),
    { numRuns: 300 },
  );
  const client = gateway.client();
  await client.start();
  assert.equal(client.counts.mismatches, 0);
});
