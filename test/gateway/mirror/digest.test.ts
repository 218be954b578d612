import assert from "node:assert/strict";
import { test } from "node:test";
import { Digest, hashPair } from "../../../gateway/mirror/digest.ts";
import { murmur3 } from "../../../gateway/mirror/murmur3.ts";

test("murmur3: published vectors of MurmurHash3_x86_32", () => {
  const vectors: [string, number, number][] = [
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["test", 0, 0xba6bd213],
    ["test", 0x9747b28c, 0x704b81dc],
    ["Hello, world!", 0, 0xc0363e43],
    ["Hello, world!", 0x9747b28c, 0x24884cba],
    ["The quick brown fox jumps over the lazy dog", 0, 0x2e4ff723],
    ["The quick brown fox jumps over the lazy dog", 0x9747b28c, 0x2fa826cd],
    ["aaaa", 0x9747b28c, 0x5a97808a],
    ["aaa", 0x9747b28c, 0x283e0130],
    ["aa", 0x9747b28c, 0x5d211726],
    ["a", 0x9747b28c, 0x7fa09ea6],
    ["ππππππππ", 0x9747b28c, 0xd58063c1],
  ];
  for (const [text, seed, expected] of vectors) assert.equal(murmur3(Buffer.from(text), seed), expected, text);
  assert.equal(murmur3(Uint8Array.of(0xff, 0xff, 0xff, 0xff), 0), 0x76293b50);
  assert.equal(murmur3(Uint8Array.of(0x21, 0x43, 0x65, 0x87), 0x5082edee), 0x2362f9de);
});

test("digest: vectors of the protocol", () => {
  const digest = new Digest();
  assert.equal(digest.toString(), "0000000000000000");
  digest.add(hashPair("projects/default/instances/web", "7"));
  assert.equal(digest.toString(), "33867bba726302b9");
  digest.add(hashPair("projects/default/instances/ü", "12"));
  assert.equal(digest.toString(), "50e143efbee328de");
});

test("digest: the order does not matter and what was added can be taken away", () => {
  const pairs = Array.from({ length: 200 }, (_, i) => hashPair(`k${i}`, String(i * 7)));
  const forward = new Digest();
  const backward = new Digest();
  for (const pair of pairs) forward.add(pair);
  for (const pair of pairs.toReversed()) backward.add(pair);
  assert.equal(forward.toString(), backward.toString());
  for (const pair of pairs) forward.subtract(pair);
  assert.equal(forward.toString(), "0000000000000000");
});
