import { deltaText } from "./frames.ts";
import { delOp, putOp } from "./item.ts";
import type { Last } from "./ledger.ts";

/** How many bytes of operations one delta of a replay holds before the next is begun. */
const DELTA_BYTES = 64 * 1024;

/** Part of a replay: delta frames, and the sequence number they lead to. */
export interface ReplayPart {
  texts: string[];
  s: number;
}

/**
 * Deltas of the changes after `from`: whole sequence numbers in rising order, until `bytesMax` is passed. Changes with one number are
 * of one origin, so each delta ends a number and can be resumed from.
 */
export function replay(
  mirror: { name: string; epoch: string; s: number },
  changes: Iterable<Last>,
  from: number,
  bytesMax: number,
): ReplayPart {
  const texts: string[] = [];
  let ops: string[] = [];
  let opsBytes = 0;
  let bytes = 0;
  let origin = "";
  let reached = from;
  const close = (): void => {
    if (ops.length > 0) texts.push(deltaText(mirror.name, mirror.epoch, reached, origin, ops));
    ops = [];
    opsBytes = 0;
  };
  for (const { s, item, tombstone } of changes) {
    if (s > reached && bytes > bytesMax) {
      close();
      return { texts, s: reached };
    }
    const itsOrigin = item ? item.origin : tombstone.origin;
    if (itsOrigin !== origin || (s > reached && opsBytes > DELTA_BYTES)) close();
    origin = itsOrigin;
    reached = s;
    const op = item ? putOp(item) : delOp(tombstone.key);
    ops.push(op);
    opsBytes += op.length;
    bytes += op.length;
  }
  close();
  return { texts, s: mirror.s };
}
