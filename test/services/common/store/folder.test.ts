import assert from "node:assert/strict";
import { readdir, readFile, readlink, utimes, writeFile } from "node:fs/promises";
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

test("many files at once: each is there whole after one sync, new ones and ones that replace another", async () => {
  const { path, remove } = await tempFolder();
  try {
    const folder = new RecordFolder(path);
    const content = (at: number, round: string): Buffer => Buffer.from(`${round} ${at}`);
    const uids = Array.from({ length: 20 }, (_, at) => `uid-${at}`);
    for (const [round, count] of [
      ["first", 10],
      ["second", 20],
    ] as const) {
      await Promise.all(
        uids.slice(0, count).map((uid, at) => folder.write(uid, content(at, round), round === "second" && at < 10)),
      );
      await folder.sync();
      for (const [at, uid] of uids.slice(0, count).entries()) {
        assert.deepEqual(await readFile(join(path, `${uid}.pb`)), content(at, round));
      }
    }
    assert.equal((await readdir(path)).length, uids.length, "nothing temporary is left");
    const open = await readdir("/proc/self/fd");
    const targets = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
    assert.deepEqual(
      targets.filter((target) => target.startsWith(path)),
      [],
      "no file is left open",
    );
  } finally {
    await remove();
  }
});
