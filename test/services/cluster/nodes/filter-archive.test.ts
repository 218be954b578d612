import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { extract, pack } from "tar-stream";
import { filterArchive } from "../../../../services/cluster/nodes/filter-archive.ts";

test("what is kept stays as it is: files, folders, links; nothing of the rest", async () => {
  const archive = pack();
  archive.entry({ name: "etc/", type: "directory" });
  archive.entry({ name: "etc/kept", mode: 0o600 }, "a".repeat(100_000));
  archive.entry({ name: "etc/gone" }, "b".repeat(100_000));
  archive.entry({ name: "etc/link", type: "symlink", linkname: "kept" });
  archive.finalize();
  const filtered = await buffer(filterArchive(archive.pipe(new PassThrough()), (path) => path !== "etc/gone"));
  const found: unknown[] = [];
  const entries = extract();
  entries.end(filtered);
  for await (const entry of entries) {
    found.push([entry.header.name, entry.header.type, entry.header.mode, (await buffer(entry)).length]);
  }
  assert.deepEqual(found, [
    ["etc/", "directory", 0o755, 0],
    ["etc/kept", "file", 0o600, 100_000],
    ["etc/link", "symlink", 0o644, 0],
  ]);
});

test("an archive that breaks off is an error to the reader, and a reader that goes away ends the archive", async () => {
  const broken = new PassThrough();
  const filtered = filterArchive(broken, () => true);
  broken.destroy(new Error("it broke"));
  await assert.rejects(buffer(filtered), /it broke/);

  const endless = new PassThrough();
  const left = filterArchive(endless, () => true);
  left.destroy();
  await once(endless, "close");
});
