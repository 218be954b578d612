import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Demuxer } from "../../../../services/common/engine/demux.ts";

const IDS = { stdout: 1, stderr: 2 } as const;

function frame(stream: keyof typeof IDS, data: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = IDS[stream];
  header.writeUInt32BE(data.length, 4);
  return Buffer.concat([header, data]);
}

const frames = fc.array(
  fc.record({
    stream: fc.constantFrom<keyof typeof IDS>("stdout", "stderr"),
    data: fc.uint8Array({ minLength: 0, maxLength: 200 }),
  }),
  { maxLength: 20 },
);

test("gives the same frames however the data is cut", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 }), (sent, cuts) => {
      const wire = Buffer.concat(sent.map(({ stream, data }) => frame(stream, data)));
      const demuxer = new Demuxer();
      const received: { stream: string; data: Buffer }[] = [];
      let open: Buffer[] = [];
      for (let at = 0, i = 0; at < wire.length; i += 1) {
        const size = cuts[i % cuts.length]!;
        for (const part of demuxer.push(wire.subarray(at, at + size))) {
          open.push(part.data);
          if (!part.last) continue;
          received.push({ stream: part.stream, data: Buffer.concat(open) });
          open = [];
        }
        at += size;
      }
      // A frame of no bytes is no output.
      const expected = sent
        .filter(({ data }) => data.length > 0)
        .map(({ stream, data }) => ({ stream, data: Buffer.from(data) }));
      assert.deepEqual(received, expected);
    }),
  );
});

test("refuses what is not multiplexed", () => {
  assert.throws(() => new Demuxer().push(Buffer.from("hello, world")), /not multiplexed/);
});
