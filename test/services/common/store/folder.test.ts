import assert from "node:assert/strict";
import { readdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RecordFolder } from "../../../../services/common/store/files/folder.ts";
import { tempFolder } from "./support.ts";

test("what processes that were killed left half written goes when nobody can be writing it any more", async () => {
  const { path, remove } = await tempFolder();
  try {
    const file = async (name: string, ageMs: number): Promise<void> => {
      await writeFile(join(path, name), "half");
      const time = new Date(Date.now() - ageMs);
      await utimes(join(path, name), time, time);
    };
    await file("a.pb.123.0badc0de.tmp", 3_600_000);
    await file("b.pb.124.0badc0df.tmp", 1_000);
    await new RecordFolder(path).readAll(
      () => assert.fail("there is no whole file"),
      () => assert.fail("nothing is damaged"),
    );
    assert.deepEqual(await readdir(path), ["b.pb.124.0badc0df.tmp"]);
  } finally {
    await remove();
  }
});
