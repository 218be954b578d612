import { UsageError } from "../exit-codes.ts";
import type { ResourceKind } from "../resources/kind.ts";
import { formatTable } from "./table.ts";

export const outputFormats = ["table", "wide", "json", "yaml", "name"] as const;
export type OutputFormat = (typeof outputFormats)[number];

export function parseFormat(text: string): OutputFormat {
  const format = outputFormats.find((known) => known === text);
  if (!format) throw new UsageError(`no output format "${text}"; known: ${outputFormats.join(", ")}`);
  return format;
}

/** Text of one item (`single`) or of a list; `shown`: headers of columns that a table has though it is not wide. */
export async function formatItems<T>(
  kind: Pick<ResourceKind<T>, "plural" | "columns" | "name" | "typeName" | "message">,
  items: readonly T[],
  format: OutputFormat,
  single: boolean,
  shown: readonly string[] = [],
): Promise<string> {
  if (format === "name") return items.map((item) => kind.name(item)).join("\n");
  if (format === "table" || format === "wide") {
    if (items.length === 0) return `No ${kind.plural} found.`;
    return formatTable(
      items,
      kind.columns.filter((column) => format === "wide" || !column.wide || shown.includes(column.header)),
    );
  }
  // Loaded where needed: most commands print tables.
  const { toJson } = await import("./json.ts");
  const values = items.map((item) => toJson(kind, item));
  const value = single ? values[0] : { [kind.plural]: values };
  if (format === "json") return JSON.stringify(value, null, 2);
  const { stringify } = await import("yaml");
  return stringify(value).trimEnd();
}
