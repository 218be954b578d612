import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { SavedMirror } from "./mirror.ts";

const FORMAT = 1;
/** Larger windows are not kept: their observers get snapshots. */
export const WINDOW_FILE_BYTES_MAX = 128 * 1024 * 1024;
/** Observers that come later than this get a snapshot anyway. */
export const WINDOW_FILE_AGE_MS_MAX = 10 * 60_000;

interface WindowFile {
  format: number;
  savedMs: number;
  mirrors: SavedMirror[];
}

/** Writes the windows on a planned stop (0600, whole or not at all). Mirrors beyond the size limit are left out. */
export async function saveWindows(path: string, mirrors: readonly SavedMirror[]): Promise<void> {
  const texts: string[] = [];
  let bytes = 0;
  for (const mirror of mirrors) {
    const text = JSON.stringify(mirror);
    if (bytes + text.length > WINDOW_FILE_BYTES_MAX) continue;
    bytes += text.length;
    texts.push(text);
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(`{"format":${FORMAT},"savedMs":${Date.now()},"mirrors":[${texts.join(",")}]}`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/**
 * What the last planned stop left, once: the file is gone afterwards, so that a start after a crash finds none and gives each mirror a new
 * epoch. Empty when there is none, or one that is too old or not ours.
 */
export async function takeWindows(path: string): Promise<SavedMirror[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  await rm(path, { force: true });
  const content = parse(text);
  if (content?.format !== FORMAT || Date.now() - content.savedMs > WINDOW_FILE_AGE_MS_MAX) return [];
  return content.mirrors;
}

function parse(text: string): WindowFile | undefined {
  try {
    return JSON.parse(text) as WindowFile;
  } catch {
    // Half a file can't be: it was renamed when whole. Someone else's text means no windows, which costs snapshots only.
    return undefined;
  }
}
