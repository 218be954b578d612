import assert from "node:assert/strict";
import { test } from "node:test";
import { integer, octetString, oid, sequence, time } from "../../../../services/cluster/pki/der.ts";
import { keyUsage, subjectAlternativeName } from "../../../../services/cluster/pki/extensions.ts";

/** Expected bytes are from X.690 and RFC 5280. */
test("lengths, object identifiers and times", () => {
  assert.equal(oid("1.2.840.113549.1.1.11").toString("hex"), "06092a864886f70d01010b");
  assert.equal(octetString(Buffer.alloc(0x7f)).toString("hex", 0, 2), "047f");
  assert.equal(octetString(Buffer.alloc(0x80)).toString("hex", 0, 3), "048180");
  assert.equal(octetString(Buffer.alloc(0x1234)).toString("hex", 0, 4), "04821234");
  assert.equal(sequence(integer("02")).toString("hex"), "3003020102");
  assert.equal(time(new Date("2049-12-31T23:59:59Z")).toString("latin1", 2), "491231235959Z");
  assert.equal(time(new Date("2050-01-01T00:00:00Z")).toString("latin1", 2), "20500101000000Z");
});

test("flags carry no zero bits at their end", () => {
  assert.match(keyUsage(0x80).toString("hex"), /03020780$/);
  assert.match(keyUsage(0xa4).toString("hex"), /030202a4$/);
});

test("IPv6 addresses in every spelling", () => {
  const bytes = (address: string): string => subjectAlternativeName([address]).toString("hex").slice(-32);
  assert.equal(bytes("::1"), "00000000000000000000000000000001");
  assert.equal(bytes("::"), "00000000000000000000000000000000");
  assert.equal(bytes("fd00:10:244::"), "fd000010024400000000000000000000");
  assert.equal(bytes("2001:db8:0:0:1:0:0:1"), "20010db8000000000001000000000001");
  assert.equal(bytes("::ffff:10.0.0.1"), "00000000000000000000ffff0a000001");
  assert.equal(bytes("1:2:3:4:5:6:7:8"), "00010002000300040005000600070008");
});
