import assert from "node:assert/strict";
import { test } from "node:test";
import { RESERVED_IDS, checkId, isId } from "../../../../services/common/names/ids.ts";

const GOOD = ["a", "web", "a1", "a-b", "a--b", "web-01", `a${"b".repeat(39)}`];
const BAD = ["", "-", "1a", "A", "aB", "a-", "-a", "a.b", "a_b", "ä", "a\n", "a/b", " a", `a${"b".repeat(40)}`];

test("ids", () => {
  for (const id of GOOD) {
    assert.equal(isId(id), true, id);
    assert.deepEqual(checkId("instance_id", id), [], id);
  }
  for (const id of BAD) {
    assert.equal(isId(id), false, JSON.stringify(id));
    const [violation, ...more] = checkId("instance_id", id);
    assert.equal(violation?.field, "instance_id", JSON.stringify(id));
    assert.equal(more.length, 0);
  }
});

test("reserved words are refused for new things only", () => {
  for (const id of RESERVED_IDS) assert.match(checkId("id", id)[0]?.description ?? "", /reserved/, id);
  assert.equal(isId("gantry"), true);
});
