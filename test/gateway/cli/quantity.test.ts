import assert from "node:assert/strict";
import { test } from "node:test";
import { UsageError } from "../../../gateway/cli/exit-codes.ts";
import {
  formatAge,
  formatBytes,
  formatCpu,
  parseBytes,
  parseCpu,
  parseDurationMs,
} from "../../../gateway/cli/quantity.ts";

test("sizes", () => {
  const table: [string, bigint][] = [
    ["0", 0n],
    ["1048576", 1_048_576n],
    ["512Mi", 536_870_912n],
    ["1.5Gi", 1_610_612_736n],
    ["2G", 2_000_000_000n],
    ["1GiB", 1_073_741_824n],
    ["1k", 1_000n],
  ];
  for (const [text, bytes] of table) assert.equal(parseBytes(text), bytes, text);
  for (const bad of ["", "x", "12MBx", "-1", "1e9", "99999999T", "1 Gi"])
    assert.throws(() => parseBytes(bad), UsageError, bad);
});

test("processors", () => {
  assert.equal(parseCpu("2"), 2000n);
  assert.equal(parseCpu("0.5"), 500n);
  assert.equal(parseCpu("250m"), 250n);
  for (const bad of ["", "0.5m", "-1", "two", "0.0005"]) assert.throws(() => parseCpu(bad), UsageError, bad);
});

test("durations", () => {
  assert.equal(parseDurationMs("90s"), 90_000);
  assert.equal(parseDurationMs("1h30m"), 5_400_000);
  assert.equal(parseDurationMs("500ms"), 500);
  for (const bad of ["", "5", "s", "5x", "1h 30m"]) assert.throws(() => parseDurationMs(bad), UsageError, bad);
});

test("what is shown", () => {
  assert.equal(formatBytes(1_610_612_736n), "1.5Gi");
  assert.equal(formatBytes(12n), "12");
  assert.equal(formatCpu(2000n), "2");
  assert.equal(formatCpu(250n), "250m");
  const from = new Date(0);
  const table: [number, string][] = [
    [0, "0s"],
    [59, "59s"],
    [61, "1m1s"],
    [3_600, "1h"],
    [5_400, "1h30m"],
    [36_060, "10h"],
    [90_000, "1d1h"],
    [300_000, "3d"],
  ];
  for (const [seconds, text] of table) assert.equal(formatAge(from, new Date(seconds * 1000)), text, String(seconds));
});
