import assert from "node:assert/strict";
import { test } from "node:test";
import {
  FrameLogParser,
  LOG_PART_BYTES_MAX,
  type LogParser,
  TerminalLogParser,
} from "../../../../services/common/engine/log-parts.ts";

const TIME = "2026-11-24T21:01:52.346346453Z";

function frame(id: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = id;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

/** Fed in pieces of every size from 1 to 40, the result is the same. */
function parse(make: () => LogParser, data: Buffer, size: number) {
  const parser = make();
  const parts = [];
  for (let at = 0; at < data.length; at += size) parts.push(...parser.push(data.subarray(at, at + size)));
  parts.push(...parser.end());
  return parts.map(({ time, stream, line }) => ({ time: time?.toISOString(), stream, line: line.toString() }));
}

const ISO = "2026-11-24T21:01:52.346Z";

test("frames: time, stream and line are told apart", () => {
  const data = Buffer.concat([
    frame(1, `${TIME} hi\n`),
    frame(2, `${TIME} err\r\n`),
    frame(1, `${TIME} \n`),
    frame(1, `${TIME} open`),
  ]);
  for (let size = 1; size <= 40; size += 1) {
    assert.deepEqual(
      parse(() => new FrameLogParser(), data, size),
      [
        { time: ISO, stream: "stdout", line: "hi" },
        { time: ISO, stream: "stderr", line: "err" },
        { time: ISO, stream: "stdout", line: "" },
        { time: ISO, stream: "stdout", line: "open" },
      ],
    );
  }
});

test("frames: a message longer than a part comes in parts", () => {
  const long = "x".repeat(LOG_PART_BYTES_MAX + 10);
  const parts = parse(() => new FrameLogParser(), frame(1, `${TIME} ${long}\n`), 4096);
  assert.equal(parts.map(({ line }) => line).join(""), long);
  assert.ok(parts.every(({ line }) => line.length <= LOG_PART_BYTES_MAX));
});

test("terminal: lines and messages of the greatest length", () => {
  const full = "y".repeat(LOG_PART_BYTES_MAX);
  const data = Buffer.from(`${TIME} hi\r\n${TIME} ${full}${TIME} ${full}${TIME} rest\r\n${TIME} open`);
  for (const size of [1, 7, 1000, 100_000]) {
    assert.deepEqual(
      parse(() => new TerminalLogParser(), data, size).map(({ line }) => line),
      ["hi", full, full, "rest", "open"],
    );
  }
});
