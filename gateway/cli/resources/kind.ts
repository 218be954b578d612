import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Connection } from "../connection.ts";
import type { Column } from "../output/table.ts";
import type { Meta } from "../../../proto/gen/gantry/common/v1/meta.ts";
import { formatAge } from "../quantity.ts";

export interface ListQuery {
  project: string;
  allProjects: boolean;
  labelSelector: string;
  /** Id of the cluster it is part of; empty: all. */
  cluster: string;
}

/** What the command needs to know of a kind: names, columns, how to read it. One entry here makes `get` and `describe` work. */
export interface ResourceKind<T> {
  /** Singular, as typed. */
  readonly singular: string;
  readonly plural: string;
  readonly aliases: readonly string[];
  /** Kind as in Event.kind. */
  readonly kind: string;
  readonly typeName: string;
  /** The service whose Watch shows it. */
  readonly service: "compute" | "cluster";
  readonly message: { encode(message: T): BinaryWriter; decode(bytes: Uint8Array): T };
  /** Whether each belongs to a project. */
  readonly inProject: boolean;
  readonly columns: readonly Column<T>[];
  /** States it can be in, without their prefix; empty: it has none. */
  readonly states: readonly string[];
  name(item: T): string;
  /** Full resource name of an id (full names pass through). */
  fullName(id: string, project: string): string;
  get(connection: Connection, name: string): Promise<T>;
  /** One page; an empty token ends the list. */
  page(connection: Connection, query: ListQuery, pageToken: string): Promise<{ items: T[]; next: string }>;
}

export const PAGE_SIZE = 500;

export const idOf = (name: string) => name.slice(name.lastIndexOf("/") + 1);
const now = () => new Date();
export const ageSince = (time: Date | undefined) => formatAge(time, now());
export const age = (meta: Meta | undefined) => ageSince(meta?.createTime);
export const stateName = (table: Record<string, number>, prefix: string, value: number) =>
  Object.keys(table)
    .find((key) => table[key] === value)
    ?.slice(prefix.length) ?? String(value);

export const statesOf = (table: Record<string, number>, prefix: string) =>
  Object.keys(table)
    .map((key) => key.slice(prefix.length))
    .filter((state) => state !== "UNSPECIFIED" && state !== "");

export const projectOf = (name: string) => name.split("/")[1] ?? "";
export const parentOf = (query: ListQuery) => (query.allProjects ? "projects/-" : `projects/${query.project}`);
export const below = (collection: string) => (id: string, project: string) =>
  id.includes("/") ? id : `projects/${project}/${collection}/${id}`;
export const limit = (value: bigint | undefined, format: (value: bigint) => string) => (value ? format(value) : "-");
