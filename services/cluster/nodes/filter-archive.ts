import { PassThrough, type Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, pack } from "tar-stream";

/** A tar archive of those entries of another whose path (without a leading `/`) `keeps` holds for. Ends, or fails, together with it. */
export function filterArchive(archive: Readable, keeps: (path: string) => boolean): Readable {
  const entries = extract();
  const kept = pack();
  const result = new PassThrough();
  const filter = async (): Promise<void> => {
    for await (const entry of entries) {
      const { header } = entry;
      if (keeps(header.name) && header.type === "file") await pipeline(entry, kept.entry(header));
      else {
        entry.resume();
        if (keeps(header.name)) kept.entry(header);
      }
    }
    kept.finalize();
  };
  const parts = [pipeline(archive, entries), filter(), pipeline(kept, result)];
  // Of whom the reader is told; one that goes away itself ends the rest.
  Promise.all(parts).catch((error: unknown) => result.destroy(error as Error));
  result.on("close", () => {
    for (const stream of [archive, entries, kept]) stream.destroy();
  });
  return result;
}
