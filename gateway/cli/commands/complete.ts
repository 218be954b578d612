import type { Command, Option } from "commander";
import type { Cli } from "../cli.ts";
import { outputFormats } from "../output/print.ts";
import { isCalled, kindWords, listAll, resourceKinds } from "../resources.ts";

/** Slower answers are of no use to someone who pressed Tab. */
const COMPLETION_TIMEOUT_MS = 3_000;
const shells = ["bash", "zsh", "fish"];

interface Line {
  command: Command;
  /** Words that are neither commands nor options nor their values. */
  operands: string[];
  /** The option whose value is being typed. */
  pending: Option | undefined;
  /** `--` was typed: what follows belongs to another program. */
  behindDashes: boolean;
  options: Map<string, string>;
}

/** What may stand in place of the last word. */
export async function complete(program: Command, cli: Cli, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const line = read(program, words.slice(0, -1));
  if (line.behindDashes) return [];
  const candidates = await candidatesOf(program, cli, line, typed);
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(typed)).toSorted();
}

function read(program: Command, words: readonly string[]): Line {
  const line: Line = { command: program, operands: [], pending: undefined, behindDashes: false, options: new Map() };
  for (const word of words) {
    if (line.pending) {
      line.options.set(line.pending.attributeName(), word);
      line.pending = undefined;
    } else if (word === "--") line.behindDashes = true;
    else if (word.startsWith("-")) {
      const option = optionsOf(program, line.command).find((known) => known.long === word || known.short === word);
      if (option && (option.required || option.optional)) line.pending = option;
    } else {
      const next = line.command.commands.find((child) => child.name() === word || child.aliases().includes(word));
      if (next && line.operands.length === 0) line.command = next;
      else line.operands.push(word);
    }
  }
  return line;
}

const optionsOf = (program: Command, command: Command): Option[] => [
  ...command.options,
  ...(command === program ? [] : program.options.filter((option) => option.long !== "--version")),
];

async function candidatesOf(program: Command, cli: Cli, line: Line, typed: string): Promise<string[]> {
  const { command, pending } = line;
  const project = line.options.get("project");
  if (pending) return valuesOf(cli, pending, project);
  if (typed.startsWith("-")) return optionsOf(program, command).flatMap((option) => option.long ?? []);
  if (command.commands.length > 0)
    return command.commands.map((child) => child.name()).filter((name) => !name.startsWith("__"));
  return operandsOf(cli, command.name(), line.operands, typed, project);
}

async function valuesOf(cli: Cli, option: Option, project: string | undefined): Promise<string[]> {
  switch (option.long) {
    case "--output":
      return [...outputFormats];
    case "--project":
      return names(cli, "project", project);
    case "--host":
      return names(cli, "host", project);
    case "--cluster":
      return names(cli, "cluster", project);
    case "--pod-network":
      return ["kernel", "image", "none"];
    case "--context":
      return cli.contextNames;
    case "--restart":
      return ["always", "on-failure", "never"];
    case "--for":
      return ["delete", ...(resourceKinds[0]?.states ?? []).map((state) => `state=${state}`)];
    default:
      // Files: the shell's own completion.
      return [];
  }
}

/** Bare words of theirs are instances; another kind can be named. */
const otherKinds: Record<string, string> = {
  start: "cluster",
  stop: "cluster",
  pause: "cluster",
  resume: "cluster",
  logs: "cluster",
  exec: "node",
};
const instanceCommands = ["restart", "resize", "stats", "docker-env"];
const clusterCommands = ["scale", "load", "upgrade", "snapshot", "restore", "adopt", "fork"];

async function operandsOf(
  cli: Cli,
  command: string,
  before: readonly string[],
  typed: string,
  project: string | undefined,
): Promise<string[]> {
  if (instanceCommands.includes(command)) return names(cli, "instance", project);
  const other = otherKinds[command];
  if (other !== undefined) {
    if (typed.includes("/")) return slashed(cli, typed, project);
    const known = await names(cli, before[0] === other ? other : "instance", project);
    return before.length === 0 ? [other, ...known] : known;
  }
  if (clusterCommands.includes(command)) {
    if (typed.includes("/")) return slashed(cli, typed, project);
    if (before.length === 0) return command === "fork" ? ["cluster", "clustersnapshot"] : ["cluster"];
    if (before.length === 1 && !before[0]?.includes("/")) return names(cli, before[0] ?? "", project);
    return command === "restore" ? names(cli, "clustersnapshot", project) : [];
  }
  switch (command) {
    case "update":
      if (typed.includes("/")) return slashed(cli, typed, project);
      return before.length === 0 ? ["node"] : names(cli, "node", project);
    case "kubeconfig":
      return names(cli, "cluster", project);
    case "get":
    case "describe":
    case "delete":
    case "label":
      if (typed.includes("/")) return slashed(cli, typed, project);
      if (before[0] !== undefined) return names(cli, before[0], project);
      return command === "get" ? [...kindWords] : resourceKinds.map((known) => known.plural);
    case "wait":
      return typed.includes("/") ? slashed(cli, typed, project) : names(cli, "instance", project);
    case "watch":
      return [...kindWords];
    case "cancel":
      return names(cli, "operation", project);
    case "cordon":
    case "uncordon":
      return names(cli, "host", project);
    case "mirror":
      return [
        "realm",
        "operations",
        ...(await names(cli, "project", project)),
        ...(await names(cli, "host", project)).map((id) => `hosts/${id}`),
        ...(await names(cli, "mirror", project)).map((id) => `mirrors/${id}`),
      ];
    case "cp":
      return /^[./]/.test(typed) ? [] : (await names(cli, "instance", project)).map((id) => `${id}:/`);
    case "use-context":
      return cli.contextNames;
    case "set-project":
      return names(cli, "project", project);
    case "completion":
      return shells;
    default:
      return [];
  }
}

/** `instance/web` and its like. */
async function slashed(cli: Cli, typed: string, project: string | undefined): Promise<string[]> {
  const kind = typed.slice(0, typed.indexOf("/"));
  return (await names(cli, kind, project)).map((id) => `${kind}/${id}`);
}

async function names(cli: Cli, word: string, project: string | undefined): Promise<string[]> {
  const kind = resourceKinds.find((known) => isCalled(known, word));
  if (!kind) return [];
  const connection = cli.connect(COMPLETION_TIMEOUT_MS);
  try {
    const items = await listAll(kind, connection, {
      project: project ?? cli.project,
      allProjects: false,
      labelSelector: "",
      cluster: "",
    });
    return items.map((item) => kind.name(item).split("/").pop() ?? "");
  } finally {
    connection.close();
  }
}
