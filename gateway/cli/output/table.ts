export interface Column<T> {
  header: string;
  value: (item: T) => string;
  /** Shown with `-o wide` only. */
  wide?: boolean;
}

/** Columns padded to their widest cell, two spaces between, as kubectl prints them. */
export function formatTable<T>(items: readonly T[], columns: readonly Column<T>[], widthMin = 0): string {
  const rows = [
    columns.map((column) => column.header),
    ...items.map((item) => columns.map((c) => oneLine(c.value(item)))),
  ];
  const widths = columns.map((_, index) => Math.max(widthMin, ...rows.map((row) => (row[index] ?? "").length)));
  return rows
    .map((row) =>
      row
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Nothing that came from elsewhere may move the cursor or break the table. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** As `oneLine`, of each line. */
export function printable(text: string): string {
  return text.split("\n").map(oneLine).join("\n");
}
