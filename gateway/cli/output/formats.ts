import { type OutputFormat, outputFormats } from "./print.ts";

const LINES = ["json"] as const;

/** The formats each command has besides the one for people, by its path behind `gantry`. */
const formats: Readonly<Record<string, readonly OutputFormat[]>> = {
  get: outputFormats,
  describe: ["json", "yaml"],
  // One JSON object a line, for as long as they run.
  watch: LINES,
  stats: LINES,
  mirror: LINES,
  ...Object.fromEntries(
    // Those that end with a resource, or, not waited for, with an operation.
    ["instance", "cluster", "project", "mirror"]
      .map((kind) => `create ${kind}`)
      .concat(["start", "stop", "restart", "pause", "resume", "resize", "update"])
      .concat(["upgrade", "snapshot", "restore", "adopt", "fork"])
      .map((path) => [path, outputFormats]),
  ),
};

/** What `-o` may be with a command: one that would be ignored is refused. */
export function formatsOf(path: string): readonly OutputFormat[] {
  return ["table", ...(formats[path] ?? [])];
}
