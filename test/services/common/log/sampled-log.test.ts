import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../../../services/common/log/log.ts";
import { SampledLog } from "../../../../services/common/log/sampled-log.ts";

test("some lines in each interval, then how many there were besides", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const lines: { n?: number; count?: number }[] = [];
  const log = createLog({
    name: "test",
    level: "info",
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as { n?: number }) },
  });
  const sampled = new SampledLog(log, { linesMax: 2, intervalMs: 1_000 });
  for (let n = 0; n < 5; n++) sampled.info({ n }, "call refused");
  assert.deepEqual(
    lines.map(({ n }) => n),
    [0, 1],
  );
  t.mock.timers.tick(1_000);
  assert.equal(lines[2]?.count, 3);
  sampled.info({ n: 5 }, "call refused");
  assert.equal(lines[3]?.n, 5);
  t.mock.timers.tick(1_000);
  assert.equal(lines.length, 4, "nothing to count");
});
