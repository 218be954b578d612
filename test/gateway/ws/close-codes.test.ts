import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { CLOSE_CODES, shouldRetry } from "../../../gateway/ws/close-codes.ts";

test("every code is in the README, once in the table, and within the ranges of RFC 6455", async () => {
  const readme = await readFile(new URL("../../../gateway/README.md", import.meta.url), "utf8");
  const codes = Object.entries(CLOSE_CODES);
  assert.equal(new Set(codes.map(([, { code }]) => code)).size, codes.length);
  for (const [key, { code, name }] of codes) {
    assert.equal(key, name);
    assert.ok((code >= 4000 && code < 4100) || [1000, 1002, 1003, 1007, 1009].includes(code));
    assert.match(readme, new RegExp(`\\b${code}\\b`), `${code}`);
    assert.match(readme, new RegExp(`\\b${name}\\b`), name);
  }
});

test("retry or not", () => {
  for (const code of [1006, 1001, 1011, 1012, 1013, 4000, 4001, 4010, 4999])
    assert.equal(shouldRetry(code), true, String(code));
  for (const code of [1000, 1002, 1009, 4011, 4013]) assert.equal(shouldRetry(code), false, String(code));
});
