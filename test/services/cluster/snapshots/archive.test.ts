import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { archiveFolder, unpackFolder } from "../../../../services/cluster/snapshots/archive.ts";
import { sizeOfFolder } from "../../../../services/cluster/snapshots/size-of-folder.ts";

const MIB = 1024 ** 2;
const limits = { timeoutMs: 30_000, signal: AbortSignal.timeout(60_000) };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "gantry-archive-"));
});
after(() => rm(folder, { recursive: true, force: true }));

test("an archive and what has changed since give the folder as it was at the end: changes, removals, renames, holes", async () => {
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  await mkdir(join(from, "moved"), { recursive: true });
  await mkdir(to);
  await writeFile(join(from, "moved", "inside"), "first");
  await writeFile(join(from, "changes"), "first");
  await writeFile(join(from, "goes"), "first");
  await writeFile(join(from, "holes"), "");
  await truncate(join(from, "holes"), 64 * MIB);
  const archive = (name: string, still: boolean) =>
    archiveFolder({ folder: from, archive: join(folder, name), state: join(folder, "state"), still, ...limits });
  await archive("base.tar", false);
  await rename(join(from, "moved"), join(from, "here"));
  await writeFile(join(from, "changes"), "other", { mode: 0o640 });
  await rm(join(from, "goes"));
  await archive("delta.tar", true);
  for (const name of ["base.tar", "delta.tar"]) {
    assert.ok((await stat(join(folder, name))).size < MIB, "holes are no content");
    await unpackFolder(join(folder, name), to, limits);
  }
  assert.deepEqual((await readdir(to)).toSorted(), ["changes", "here", "holes"]);
  assert.equal(await readFile(join(to, "changes"), "utf8"), "other");
  assert.equal(await readFile(join(to, "here", "inside"), "utf8"), "first");
  const holes = await stat(join(to, "holes"));
  assert.deepEqual([holes.size, holes.blocks], [64 * MIB, 0]);
  assert.ok((await sizeOfFolder(to, limits.signal)) < MIB);
});

test("a folder that is not there is an error", async () => {
  const options = {
    folder: join(folder, "none"),
    archive: join(folder, "x.tar"),
    state: join(folder, "x"),
    still: false,
  };
  await assert.rejects(archiveFolder({ ...options, ...limits }));
});
