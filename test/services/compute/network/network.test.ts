import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressPool } from "../../../../services/compute/network/address-pool.ts";
import {
  contains,
  formatIpv4,
  formatRange,
  freeRanges,
  overlaps,
  parseIpv4,
  parseRange,
} from "../../../../services/common/network/cidr.ts";
import { parseRoutes } from "../../../../services/common/network/host-routes.ts";

test("addresses and ranges", () => {
  for (const text of ["0.0.0.0", "10.200.1.7", "255.255.255.255"]) assert.equal(formatIpv4(parseIpv4(text)!), text);
  for (const text of ["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d"]) assert.equal(parseIpv4(text), undefined);
  assert.equal(formatRange(parseRange("10.1.2.3/16")!), "10.1.0.0/16");
  for (const text of ["10.0.0.0", "10.0.0.0/33", "x/8"]) assert.equal(parseRange(text), undefined);
  const range = parseRange("10.1.0.0/16")!;
  assert.ok(contains(range, parseIpv4("10.1.255.255")!));
  assert.ok(!contains(range, parseIpv4("10.2.0.0")!));
  assert.ok(overlaps(range, parseRange("10.0.0.0/8")!));
  assert.ok(!overlaps(range, parseRange("10.2.0.0/16")!));
});

test("free ranges leave out what is used", () => {
  const used = ["10.0.0.0/24", "10.0.2.128/25"].map((text) => parseRange(text)!);
  const free = [...freeRanges(parseRange("10.0.0.0/22")!, 24, used)];
  assert.deepEqual(free.map(formatRange), ["10.0.1.0/24", "10.0.3.0/24"]);
});

test("routes as the kernel writes them", () => {
  const text = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
    "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
    "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
    "",
  ].join("\n");
  assert.deepEqual(parseRoutes(text).map(formatRange), ["192.168.0.0/16"]);
});

test("addresses: one for each, the same again, none twice, in the lower half, back when released", () => {
  let records: { uid: string; ipv4: string }[] = [{ uid: "old", ipv4: "10.9.0.2" }];
  const pool = new AddressPool(parseRange("10.9.0.0/28")!, () => records);
  const given = ["a", "b", "c", "d", "e"].map((uid) => pool.reserve(uid));
  assert.deepEqual(given, ["10.9.0.3", "10.9.0.4", "10.9.0.5", "10.9.0.6", "10.9.0.7"]);
  assert.equal(pool.reserve("b"), "10.9.0.4");
  assert.throws(() => pool.reserve("f"), { reason: "RESOURCE_EXHAUSTED" });
  records = [];
  assert.equal(pool.reserve("f"), "10.9.0.2");
  pool.release("c");
  assert.equal(pool.reserve("g"), "10.9.0.5");
  assert.ok(pool.includes("10.9.0.14"));
  assert.ok(!pool.includes("10.9.1.1"));
});
