import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import { extract, pack } from "tar-stream";
import { LogArchive } from "../../../../services/cluster/streams/logs/archive.ts";
import { inFolder } from "../../../../services/cluster/streams/logs/node-logs.ts";
import { Spool } from "../../../../services/cluster/streams/logs/spool.ts";

const { signal } = new AbortController();

/** Unpacked as whoever exports logs does it. */
async function unpack(archive: AsyncIterable<Buffer>): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const entries = extract();
  Readable.from(archive).pipe(entries as unknown as NodeJS.WritableStream);
  for await (const entry of entries) {
    const parts: Buffer[] = [];
    for await (const part of entry) parts.push(part as Buffer);
    found[entry.header.name] = entry.header.type === "file" ? Buffer.concat(parts).toString() : entry.header.type;
  }
  return found;
}

describe("an archive of logs", () => {
  test("has folders, files, and texts whose length nobody knew", async () => {
    const archive = new LogArchive().read(async (into) => {
      await into.folder("a/");
      await into.file("a/one", "1");
      await into.file("a/none", "");
      await into.spooled(
        "a/text",
        async (spool) => {
          for (let i = 0; i < 3; i += 1) await spool.add(Buffer.from(`line ${i}\n`));
        },
        signal,
      );
      await into.spooled("a/empty", async () => undefined, signal);
    });
    const expected = {
      "a/": "directory",
      "a/one": "1",
      "a/none": "",
      "a/text": "line 0\nline 1\nline 2\n",
      "a/empty": "",
    };
    assert.deepEqual(await unpack(archive), expected);
  });

  test("says of a text that broke off why it did", async () => {
    const archive = new LogArchive().read((into) =>
      into.spooled(
        "log",
        async (spool) => {
          await spool.add(Buffer.from("so far\n"));
          throw new Error("the node was gone");
        },
        signal,
      ),
    );
    assert.deepEqual(await unpack(archive), { log: "so far\n(not to be had: the node was gone)\n" });
  });

  test("takes over files and folders of another, and nothing that leads elsewhere", async () => {
    const other = pack();
    other.entry({ name: "./pods/", type: "directory" });
    other.entry({ name: "./pods/a.log" }, "a");
    other.entry({ name: "./link", type: "symlink", linkname: "/etc/shadow" });
    other.entry({ name: "./../up" }, "up");
    other.entry({ name: "/root" }, "root");
    other.entry({ name: "./b.log" }, "b");
    other.finalize();
    const archive = new LogArchive().read((into) =>
      into.repack(
        async (entries) => {
          for await (const part of other) entries.write(part);
        },
        (name) => inFolder("node", name, "./"),
      ),
    );
    assert.deepEqual(await unpack(archive), { "node/pods/": "directory", "node/pods/a.log": "a", "node/b.log": "b" });
  });

  test("fails with what it failed to take over", async () => {
    const archive = new LogArchive().read((into) =>
      into.repack(
        async () => {
          throw new Error("broke off");
        },
        (name) => name,
      ),
    );
    await assert.rejects(async () => {
      for await (const part of archive) assert.ok(part);
    }, /broke off/);
  });

  test("is written no further when nobody reads it", async () => {
    let begun = 0;
    const archive = new LogArchive().read(async (into) => {
      for (; begun < 1_000; begun += 1) await into.file(`${begun}`, Buffer.alloc(64 * 1024));
    });
    for await (const part of archive) {
      assert.ok(part.length > 0);
      break;
    }
    assert.ok(begun < 10, `${begun} files`);
  });
});

test("a text beyond its limit is cut, and says so", async () => {
  await using spool = await Spool.open(10);
  await spool.add(Buffer.from("01234567"));
  await spool.add(Buffer.from("89abc"));
  await spool.add(Buffer.from("more"));
  const parts: Buffer[] = [];
  for await (const part of spool.read()) parts.push(part as Buffer);
  assert.equal(Buffer.concat(parts).toString(), "0123456789\n(cut: only the first 10 bytes are here)\n");
});
