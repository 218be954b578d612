import type { Logger } from "pino";
import { redisFailure } from "../../redis/errors.ts";
import type { StoreKeys } from "../../redis/keys.ts";
import { runScript } from "../../redis/script.ts";
import type { Script, ScriptArgument } from "../../redis/script.ts";
import type { AnyKind } from "../api.ts";
import type { FileHeader } from "../files/format.ts";
import type { RecordFiles } from "../files/record-files.ts";
import type { RedisLink } from "../link.ts";
import { Regressed, text } from "../link.ts";
import { recordEventFrame } from "../log/event.ts";
import { READ_PAGE } from "../lua/read.ts";
import { RESTORE, RESTORE_DELETION } from "../lua/restore.ts";
import { pageOf, pageRange } from "../records/record-store.ts";
import { identityBytes, joinStored, metaOf, versionOf, versionOffset } from "../records/stored.ts";

const PARALLEL = 64;
const PAGE_RECORDS = 500;

export interface ReconcileOptions {
  link: RedisLink;
  keys: StoreKeys;
  service: string;
  files: RecordFiles;
  kinds: ReadonlyMap<string, AnyKind>;
  log: Logger;
}

/**
 * Files of another log than the one Redis has now may hold what Redis has lost: they are put back. Then the files are brought up to
 * what Redis has.
 */
export async function reconcile(options: ReconcileOptions, logId: string): Promise<void> {
  const { files, link, log } = options;
  await registerSchemas(options);
  const older = files.headers().filter((header) => header.logId !== logId && options.kinds.has(header.kind));
  const deletions = older.filter(({ deleted }) => deleted);
  const records = older.filter(({ deleted }) => !deleted);
  await inParallel(deletions, (header) => restoreDeletion(options, logId, header));
  const outcomes = await inParallel(records, (header) => restoreRecord(options, logId, header));
  const restored = outcomes.filter((outcome) => outcome === "RESTORED").length;
  if (older.length > 0) log.info({ logId, files: records.length, restored }, "records were put back from files");
  await bringFilesUpToDate(options, logId, link.identity.seen);
}

/** Remembers the newest layout of each kind, so that an older version of Gantry refuses to start on these records. */
async function registerSchemas({ link, keys, kinds }: ReconcileOptions): Promise<void> {
  try {
    const known = await link.redis.hgetall(keys.meta);
    for (const kind of kinds.values()) {
      const field = `schema:${kind.name}`;
      if (Number(known[field] ?? 0) < kind.schema) await link.redis.hset(keys.meta, field, kind.schema);
    }
  } catch (error) {
    throw redisFailure(error);
  }
}

async function restoreRecord(options: ReconcileOptions, logId: string, header: FileHeader): Promise<string> {
  const { files, kinds, service } = options;
  const file = await files.read(header.uid);
  if (file === undefined || file.header.deleted) return "KEPT";
  const { kind, name, uid, version } = header;
  const stored = joinStored({ schema: file.header.schema, bytes: file.bytes });
  const { typeName } = kinds.get(kind)!;
  const event = { kind, name, origin: service, labels: metaOf(file.bytes).labels, previousLabels: undefined, typeName };
  const frame = recordEventFrame(event, file.bytes.length);
  const offset = 2 + versionOffset(file.bytes);
  const outcome = await run(options, RESTORE, logId, file.header.schema, [
    kind,
    name,
    uid,
    version,
    stored,
    offset,
    frame.head,
    frame.tail,
  ]);
  if (outcome === "GONE") files.bury(uid, logId, options.link.identity.seen);
  return outcome;
}

/** Resolves to what RESTORE_DELETION replies. */
export async function restoreDeletion(
  options: Omit<ReconcileOptions, "files" | "log">,
  logId: string,
  header: FileHeader,
): Promise<string> {
  const { kind, name, uid, version } = header;
  const { typeName } = options.kinds.get(kind)!;
  const event = { kind, name, origin: options.service, labels: {}, previousLabels: undefined, typeName };
  const frame = recordEventFrame(event, -1);
  const args = [kind, name, uid, version, frame.head, frame.tail, identityBytes({ name, uid })];
  return run(options, RESTORE_DELETION, logId, header.schema, args);
}

async function run(
  options: Pick<ReconcileOptions, "link" | "keys">,
  script: Script,
  logId: string,
  schema: number,
  args: ScriptArgument[],
): Promise<string> {
  const { link, keys } = options;
  const names = [keys.meta, keys.log, keys.gone, keys.restored];
  await link.ready();
  const writeId = link.identity.nextWriteId([schema]);
  try {
    const outcome = text(
      (await runScript(link.redis, script, names, [keys.prefix, logId, writeId, ...args])) as Buffer,
    );
    if (outcome === "REGRESSED") throw new Regressed();
    return outcome;
  } catch (error) {
    throw redisFailure(error);
  }
}

/** Files for what Redis has; tombstones for what it has not (deleted while this process was away). */
async function bringFilesUpToDate(options: ReconcileOptions, logId: string, revision: number): Promise<void> {
  const { link, keys, files, kinds } = options;
  const there = new Set<string>();
  for (const kind of kinds.values()) {
    for (let after = ""; ;) {
      const args = [keys.names(kind.name), keys.records(kind.name), ...pageRange("", after), PAGE_RECORDS];
      const page = pageOf(await link.read(READ_PAGE, [keys.meta], args));
      for (const [index, { schema, bytes }] of page.records.entries()) {
        const name = page.names[index]!;
        there.add(`${kind.name}\n${name}`);
        files.apply({ kind: kind.name, name, logId, version: versionOf(bytes), schema, bytes });
      }
      if (page.names.length < PAGE_RECORDS) break;
      after = page.names.at(-1)!;
    }
  }
  for (const { deleted, kind, name, uid, version } of files.headers()) {
    if (!deleted && kinds.has(kind) && version <= revision && !there.has(`${kind}\n${name}`)) {
      files.bury(uid, logId, revision);
    }
  }
}

async function inParallel<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += PARALLEL) {
    results.push(...(await Promise.all(items.slice(at, at + PARALLEL).map(work))));
  }
  return results;
}
