import { CommandError, run } from "../../common/process/run.ts";

/** Everything that a file may have: numbers of owners, extended attributes (of whiteouts, for example), holes. */
const WHOLE = ["--numeric-owner", "--xattrs", "--xattrs-include=*"];
/** tar's own: some files changed while they were read. */
const CHANGED_MEANWHILE = 1;

export interface ArchiveOptions {
  /** Of the host. */
  folder: string;
  archive: string;
  /** Remembers what has been archived: with what an earlier run has left there only what has changed since, and what is gone. */
  state: string;
  /** Nothing changes the folder now: a file that does all the same is an error. */
  still: boolean;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Writes an archive of a folder of the host. */
export async function archiveFolder(options: ArchiveOptions): Promise<void> {
  const { folder, archive, state, still, timeoutMs, signal } = options;
  const what = [`--directory=${folder}`, `--file=${archive}`, `--listed-incremental=${state}`];
  try {
    await run("tar", ["--create", "--sparse", ...WHOLE, ...what, "."], { timeoutMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    if (still || !(error instanceof CommandError) || error.exitCode !== CHANGED_MEANWHILE) throw error;
  }
}

/** Unpacks one over a folder of the host. What was gone when the archive was made goes. */
export async function unpackFolder(
  archive: string,
  folder: string,
  limits: { timeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const what = [`--directory=${folder}`, `--file=${archive}`, "--listed-incremental=/dev/null"];
  await run("tar", ["--extract", "--same-permissions", "--same-owner", "--warning=none", ...WHOLE, ...what], limits);
}
