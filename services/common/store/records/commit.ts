import { GantryError, alreadyExists, failedPrecondition, resourceExhausted, unavailable } from "../../errors/errors.ts";
import { isReplyError, redisFailure } from "../../redis/errors.ts";
import type { StoreKeys } from "../../redis/keys.ts";
import { runScript } from "../../redis/script.ts";
import type { ScriptArgument } from "../../redis/script.ts";
import type { CommitOptions } from "../api.ts";
import { DuplicateRequest, Full } from "../api.ts";
import type { RedisLink, Reply } from "../link.ts";
import { Regressed, text } from "../link.ts";
import { recordEventFrame } from "../log/event.ts";
import { COMMIT } from "../lua/commit.ts";
import { findWrite } from "./find-write.ts";
import type { PendingTransaction, TransactionWrite } from "./transaction.ts";
import { finishMeta, keyOf } from "./transaction.ts";
import { encodeRecord, joinStored, metaOf, sameLabels, SCHEMA_BYTES, versionOf, versionOffset } from "./stored.ts";
import { ownerOf } from "./owner.ts";

/** Request ids are remembered this long. */
export const REQUEST_TTL_S = 24 * 3600;
/** All records of one write together: they travel as one batch of events, and gRPC takes messages of 4 MiB. */
export const WRITE_BYTES_MAX = 3 * 1024 * 1024;

/** Something the transaction read is not true any more. */
export class Conflict extends Error {
  constructor(kind: string, name: string) {
    super(`${kind} ${name} was changed by another`);
  }
}

export interface Committed {
  revision: number;
  /** The records written or deleted; host as it is now, or was. */
  written: WrittenRecord[];
}

export interface WrittenRecord {
  kind: string;
  name: string;
  uid: string;
  host: string;
  schema: number;
  /** As Redis has it; empty: deleted. */
  bytes: Buffer;
}

const EMPTY = Buffer.alloc(0);

/** Writes what a transaction collected. Throws Conflict, Regressed, DuplicateRequest, or what the caller may read. */
export async function commit(
  link: RedisLink,
  keys: StoreKeys,
  service: string,
  tx: PendingTransaction,
  options: CommitOptions,
): Promise<Committed> {
  const { logId, seen } = link.identity;
  const writeId = link.identity.nextWriteId([...tx.writes.values()].map(({ kind }) => kind.schema));
  const { request } = options;
  const fence = tx.fence ?? options.fence;
  const written: Committed["written"] = [];
  const args: ScriptArgument[] = [
    keys.prefix,
    logId,
    seen,
    writeId,
    fence?.key ?? "",
    fence?.token ?? "",
    request === undefined ? "" : keys.request(request.key),
    request?.value ?? "",
    REQUEST_TTL_S,
  ];
  pushChecks(args, tx);
  pushWrites(args, tx, service, written);
  args.push(tx.sets.length);
  for (const { add, set, member } of tx.sets) args.push(add ? "+" : "-", keys.set(set), member);
  pushBounds(args, keys.prefix, tx);

  await link.ready();
  let reply: Reply;
  try {
    reply = (await runScript(link.redis, COMMIT, [keys.meta, keys.log, keys.gone], args)) as Reply;
  } catch (error) {
    if (isReplyError(error) || error instanceof GantryError) throw redisFailure(error);
    if (tx.writes.size === 0) throw redisFailure(error);
    return committedAt(await settle(link, keys, logId, seen, writeId, error), written);
  }
  link.clock.observe(Number(text(reply[1])), Number(text(reply[2])));
  const revision = interpret(reply, tx, fence?.key);
  link.identity.see(revision);
  return committedAt(revision, written);
}

function committedAt(revision: number, written: WrittenRecord[]): Committed {
  for (const { bytes } of written) if (bytes.length > 0) bytes.writeBigUInt64LE(BigInt(revision), versionOffset(bytes));
  return { revision, written };
}

/** Reads of records that are only read count too: the whole transaction holds or none of it. */
function pushChecks(args: ScriptArgument[], tx: PendingTransaction): void {
  const countAt = args.push(0) - 1;
  let count = 0;
  for (const { kind, name, stored } of tx.reads.values()) {
    args.push(kind.name, name, stored === undefined ? 0 : versionOf(stored.bytes));
    count++;
  }
  for (const { kind, name, blind } of tx.writes.values()) {
    if (!blind) continue;
    args.push(kind.name, name, 0);
    count++;
  }
  args[countAt] = count;
}

function pushWrites(
  args: ScriptArgument[],
  tx: PendingTransaction,
  service: string,
  written: Committed["written"],
): void {
  args.push(tx.writes.size);
  let bytes = 0;
  for (const write of tx.writes.values()) {
    const { kind, name, before } = write;
    const stored = encodeWrite(write, tx.now);
    bytes += stored.length;
    const labelsBefore = before && metaOf(before.bytes).labels;
    const labels = write.record?.meta?.labels ?? labelsBefore ?? {};
    const changed = labelsBefore !== undefined && !sameLabels(labels, labelsBefore);
    const frame = recordEventFrame(
      {
        kind: kind.name,
        name,
        origin: service,
        labels,
        previousLabels: changed ? labelsBefore : undefined,
        typeName: kind.typeName,
      },
      stored.length === 0 ? -1 : stored.length - SCHEMA_BYTES,
    );
    const { uid, host } = write.record?.meta ?? ownerOf(before!.bytes);
    written.push({ kind: kind.name, name, uid, host, schema: kind.schema, bytes: stored.subarray(SCHEMA_BYTES) });
    const offset = stored.length === 0 ? 0 : SCHEMA_BYTES + versionOffset(stored.subarray(SCHEMA_BYTES));
    args.push(kind.name, name, uid, stored, offset, frame.head, frame.tail);
  }
  if (bytes > WRITE_BYTES_MAX) {
    throw resourceExhausted("WRITE_BYTES_MAX", `one write holds at most ${WRITE_BYTES_MAX} bytes of records`);
  }
}

function pushBounds(args: ScriptArgument[], prefix: string, { bounds }: PendingTransaction): void {
  args.push(bounds.length);
  for (const { lists, sortedSets, max } of bounds) {
    args.push(max, lists.length + sortedSets.length);
    for (const key of lists) args.push("LLEN", `${prefix}:${key}`);
    for (const key of sortedSets) args.push("ZCARD", `${prefix}:${key}`);
  }
}

function encodeWrite(write: TransactionWrite, now: Date): Buffer {
  if (write.record === undefined) return EMPTY;
  finishMeta(write, now);
  return joinStored({ schema: write.kind.schema, bytes: encodeRecord(write.kind, write.record) });
}

function interpret(reply: Reply, tx: PendingTransaction, fenceKey: string | undefined): number {
  switch (text(reply[0])) {
    case "OK":
      return Number(reply[3]);
    case "REGRESSED":
      throw new Regressed();
    case "FENCED":
      throw failedPrecondition("FENCED", "another process has taken over this work", { lease: fenceKey ?? "" });
    case "FULL":
      throw new Full();
    case "DUPLICATE":
      throw new DuplicateRequest(text(reply[3]));
    case "CONFLICT": {
      const kind = text(reply[3]);
      const name = text(reply[4]);
      if (tx.writes.get(keyOf(kind, name))?.blind) throw alreadyExists(name);
      throw new Conflict(kind, name);
    }
    default:
      throw new TypeError(`the store's script answered ${text(reply[0])}`);
  }
}

/**
 * The connection was lost, or Redis was silent, while a write was under way. Its id in the log tells whether it happened; if it
 * did not and cannot any more (that connection is gone), the transaction may run again.
 */
async function settle(
  link: RedisLink,
  keys: StoreKeys,
  logId: string,
  seen: number,
  writeId: string,
  cause: unknown,
): Promise<number> {
  const silent = link.redis.status === "ready" && /timed out/i.test((cause as Error).message);
  if (silent) link.redis.disconnect(true);
  await link.ready();
  const found = await findWrite(link, keys, logId, seen, writeId);
  if (found !== undefined) return found;
  if (link.identity.logId !== logId) throw new Regressed();
  if (!silent) throw new Conflict("the connection", "was lost before the write");
  throw unavailable("OUTCOME_UNKNOWN", "Redis did not answer in time: read before trying again", cause);
}
