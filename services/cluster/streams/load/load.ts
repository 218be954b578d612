import { PassThrough } from "node:stream";
import { failedPrecondition, GantryError, invalidArgument } from "../../../common/errors/errors.ts";
import { written } from "../../../common/streams/written.ts";
import { importArchive, ImportFailure, type ImportTarget } from "./import-archive.ts";

/** What one node may be ahead of another. */
const AHEAD_BYTES_MAX = 1024 * 1024;

export interface LoadTarget extends ImportTarget {
  /** Of the node. */
  id: string;
}

export interface LoadProgress {
  /** Of all archives, as far as every node has taken them. */
  bytes: number;
  /** Nodes that have it all. */
  finished: string[];
}

/**
 * Gives archives of images to several nodes at once, each read once and no faster than the slowest node takes it. A node that fails does not
 * keep the others from theirs; the error at the end names each that has failed.
 */
export async function load(
  targets: readonly LoadTarget[],
  archives: readonly (() => AsyncIterable<Uint8Array>)[],
  report: (progress: LoadProgress) => Promise<void>,
  signal: AbortSignal,
): Promise<LoadProgress> {
  const progress: LoadProgress = { bytes: 0, finished: [] };
  const failures = new Map<string, unknown>();
  for (const [i, archive] of archives.entries()) {
    const left = targets.filter(({ id }) => !failures.has(id));
    const last = i === archives.length - 1;
    await loadOne(left, archive(), signal, {
      taken: (bytes) => report(Object.assign(progress, { bytes: progress.bytes + bytes })),
      async ended(id, failure) {
        if (failure !== undefined) failures.set(id, failure);
        else if (last) {
          progress.finished.push(id);
          await report(progress);
        }
      },
    });
  }
  if (failures.size > 0) throw loadError(failures, targets.length);
  return progress;
}

interface Progress {
  taken(bytes: number): Promise<void>;
  ended(id: string, failure: unknown): Promise<void>;
}

async function loadOne(
  targets: readonly LoadTarget[],
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  { taken, ended }: Progress,
): Promise<void> {
  const stop = new AbortController();
  const ends = AbortSignal.any([signal, stop.signal]);
  const branches = targets.map(() => new PassThrough({ highWaterMark: AHEAD_BYTES_MAX }));
  const begin = async (target: LoadTarget, i: number): Promise<void> => {
    const branch = branches[i]!;
    let failure: unknown;
    try {
      await importArchive(target, branch, ends);
    } catch (error) {
      failure = error ?? new Error("it failed");
    } finally {
      branch.destroy();
    }
    if (!ends.aborted) await ended(target.id, failure);
  };
  const imports = Promise.allSettled(targets.map(begin));
  try {
    for await (const chunk of archive) {
      const open = branches.filter(({ destroyed }) => !destroyed);
      // None of them takes any more.
      if (open.length === 0) break;
      await Promise.all(open.map((branch) => written(branch, chunk)));
      await taken(chunk.length);
    }
    for (const branch of branches) if (!branch.destroyed) branch.end();
    for (const each of await imports) if (each.status === "rejected") throw each.reason;
  } finally {
    // Where the archive broke off, what has been begun with it is ended.
    stop.abort();
    await imports;
  }
  signal.throwIfAborted();
}

function loadError(failures: ReadonlyMap<string, unknown>, count: number): GantryError {
  const first = [...failures.values()][0];
  const ofArchive = [...failures.values()].every((failure) => failure instanceof ImportFailure && failure.ofArchive);
  if (ofArchive) {
    return invalidArgument([{ field: "data", description: `is no archive of images: ${(first as Error).message}` }]);
  }
  const each = [...failures].map(([id, failure]) => `${id}: ${reasonOf(failure)}`);
  const text = `${failures.size} of ${count} nodes did not take the images; ${each.join("; ")}`;
  return failedPrecondition("IMAGE_NOT_LOADED", text, { nodes: [...failures.keys()].join(",") });
}

function reasonOf(failure: unknown): string {
  if (failure instanceof GantryError || failure instanceof ImportFailure) return failure.message;
  throw failure;
}
