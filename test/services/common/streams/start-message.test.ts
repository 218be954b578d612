import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { engineMessage, readBeginning } from "../../../../services/common/streams/start-message.ts";

function frame(text: string, stream = 1): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

// As Docker 28 sends it.
const NOT_FOUND =
  'OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in $PATH';

const CASES: [string, Buffer, boolean, string | undefined][] = [
  ["an engine's message", frame(`${NOT_FOUND}\r\n`), false, NOT_FOUND],
  ["an engine's message on a terminal", Buffer.from(`${NOT_FOUND}\r\n`), true, NOT_FOUND],
  ["nothing", Buffer.alloc(0), false, ""],
  ["output", frame("y\n"), false, undefined],
  ["output of several writes", Buffer.concat([frame("y\r\n"), frame("y\r\n")]), false, undefined],
  ["output and a message", Buffer.concat([frame("y\n"), frame(`${NOT_FOUND}\r\n`)]), false, undefined],
  ["errors of a command", frame("sh: nope: not found\r\n", 2), false, undefined],
  ["lines on a terminal", Buffer.from("y\r\ny\r\n"), true, undefined],
  ["half a frame", frame(`${NOT_FOUND}\r\n`).subarray(0, 30), false, undefined],
];
for (const [what, data, tty, message] of CASES) {
  test(what, () => assert.equal(engineMessage(data, tty), message));
}

test("what is no message is there to be read on, nothing of it lost", async () => {
  const received = new PassThrough();
  const lines = frame("y\n".repeat(1_000));
  const writing = (async () => {
    for (let i = 0; i < 20; i += 1) {
      if (!received.write(lines)) await new Promise((resolve) => received.once("drain", resolve));
    }
    received.end();
  })();
  const { data, message } = await readBeginning(received, false);
  assert.equal(message, undefined);
  const chunks = [data];
  for await (const chunk of received) chunks.push(chunk as Buffer);
  await writing;
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(Array.from({ length: 20 }, () => lines))));
});

test("output that has ended is given whole, and ends", async () => {
  const received = new PassThrough();
  received.end(frame("hello\n"));
  const { data, message } = await readBeginning(received, false);
  assert.deepEqual([message, data.equals(frame("hello\n"))], [undefined, true]);
  for await (const chunk of received) assert.fail(`${chunk}`);
});
