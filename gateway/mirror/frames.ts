/** State of an origin as observers see it. */
export interface OriginView {
  name: string;
  /** `gone`: it is no more; told once, never kept. */
  state: "live" | "resyncing" | "stale" | "gone";
  /** What is shown was true at this time; undefined: nothing of it was ever seen. */
  asOf: Date | undefined;
  /** One line; when live what is not shown. */
  message: string;
}

function head(type: string, mirror: string, epoch: string, s: number): string {
  return `{"t":"${type}","m":${JSON.stringify(mirror)},"e":"${epoch}","s":${s}`;
}

export function deltaText(mirror: string, epoch: string, s: number, origin: string, ops: readonly string[]): string {
  return `${head("delta", mirror, epoch, s)},"o":${JSON.stringify(origin)},"ops":[${ops.join(",")}]}`;
}

export function snapshotText(
  mirror: string,
  epoch: string,
  s: number,
  part: number,
  parts: number,
  items: readonly string[],
): string {
  return `${head("snapshot", mirror, epoch, s)},"part":${part},"parts":${parts},"items":[${items.join(",")}]}`;
}

export function resumedText(mirror: string, epoch: string, s: number): string {
  return `${head("resumed", mirror, epoch, s)}}`;
}

export function digestText(
  type: "synced" | "bookmark",
  mirror: string,
  epoch: string,
  s: number,
  digest: string,
): string {
  return `${head(type, mirror, epoch, s)},"digest":"${digest}"}`;
}

export function originText(mirror: string, epoch: string, s: number, origin: OriginView): string {
  const view = { name: origin.name, state: origin.state, asOf: origin.asOf?.toISOString() };
  const fields = JSON.stringify(origin.message === "" ? view : { ...view, message: origin.message });
  return `${head("origin", mirror, epoch, s)},${fields.slice(1)}`;
}
