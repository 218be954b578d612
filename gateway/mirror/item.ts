import { hash } from "node:crypto";
import { hashPair, type HashPair } from "./digest.ts";
import { containsNull, createMergePatch, type JsonObject } from "./merge-patch.ts";

/** One thing as mirrors show it. Never changed once made: all mirrors that show it share it. */
export interface Item {
  readonly key: string;
  /** Never used again for the key with other data. */
  readonly version: string;
  readonly origin: string;
  readonly kind: string;
  /** Project id; empty for what belongs to the realm. */
  readonly project: string;
  /** Host id; empty for what is on no host. */
  readonly host: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The data as JSON text. */
  readonly text: string;
  readonly pair: HashPair;
}

export function createItem(fields: Omit<Item, "pair">): Item {
  return { ...fields, pair: hashPair(fields.key, fields.version) };
}

/** Version of an observation: 64 bits of a hash of its data, 16 hex digits. */
export function contentVersion(text: string): string {
  return hash("sha256", text, "hex").slice(0, 16);
}

/** An item as it stands in a snapshot. */
export function itemText(item: Item): string {
  return `{"k":${JSON.stringify(item.key)},"v":${JSON.stringify(item.version)},"o":${JSON.stringify(item.origin)},"d":${item.text}}`;
}

/** What happened to one key. Its operation texts are made once, whatever number of mirrors sends them. */
export class Change {
  readonly key: string;
  readonly before: Item | undefined;
  readonly after: Item | undefined;
  #put: string | undefined;
  #shortest: string | undefined;

  constructor(key: string, before: Item | undefined, after: Item | undefined) {
    this.key = key;
    this.before = before;
    this.after = after;
  }

  /** For a mirror that did not show the item. */
  put(): string {
    return (this.#put ??= putOp(this.after!));
  }

  /** For a mirror that showed `before`: a patch where it is smaller and can say it. */
  shortest(): string {
    return (this.#shortest ??= this.#patch() ?? this.put());
  }

  #patch(): string | undefined {
    const after = JSON.parse(this.after!.text) as JsonObject;
    if (this.after!.text.includes("null") && containsNull(after)) return undefined;
    const patch = JSON.stringify(createMergePatch(JSON.parse(this.before!.text) as JsonObject, after));
    if (patch.length >= this.after!.text.length) return undefined;
    return `{"op":"patch","k":${JSON.stringify(this.key)},"v":${JSON.stringify(this.after!.version)},"p":${patch}}`;
  }
}

export function putOp(item: Item): string {
  return `{"op":"put","k":${JSON.stringify(item.key)},"v":${JSON.stringify(item.version)},"d":${item.text}}`;
}

export function delOp(key: string): string {
  return `{"op":"del","k":${JSON.stringify(key)}}`;
}
